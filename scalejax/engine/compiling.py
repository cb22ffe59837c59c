"""Each program compiled by one thread: JAX would let all that need it compile it."""

from collections.abc import Hashable, Iterator
from contextlib import ExitStack, contextmanager
from threading import Lock
from typing import Any

import jax
import numpy as np

_COMPILED: set[Hashable] = set()
_COMPILING: dict[Hashable, Lock] = {}


@contextmanager
def compiled_once(program: Hashable) -> Iterator[None]:
    """Keep all but one thread from the first run of a program: each of them would compile it."""
    if program in _COMPILED:
        yield
        return
    with ExitStack() as stack:
        stack.enter_context(_COMPILING.setdefault(program, Lock()))
        if program in _COMPILED:
            stack.close()
        yield
        _COMPILED.add(program)


def shapes(arrays: Any) -> tuple[Hashable, ...]:
    """What a program is compiled for, of its arguments."""
    leaves, structure = jax.tree.flatten(arrays)
    return structure, *((np.shape(leaf), np.result_type(leaf)) for leaf in leaves)

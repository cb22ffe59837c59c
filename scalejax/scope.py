"""The scope in which everything of ours is traced and run, whatever the user's JAX is set to.

People debug their own programs with ``JAX_DEBUG_NANS=1``, ``JAX_DISABLE_JIT=1``, strict promotion
of ranks and dtypes, or a transfer guard. None of it is for ours. After a fit a process must not be
forked: JAX has threads, which a child has not, so that it waits for them for ever. Start processes
by ``multiprocessing.get_context("spawn")``.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

import jax

from scalejax.errors import ScalejaxError

_NO_DEVICE = "Unable to initialize backend"

_OWN: tuple[tuple[str, Callable[[Any], AbstractContextManager[Any]], Any], ...] = (
    ("jax_debug_nans", jax.debug_nans, False),
    ("jax_debug_infs", jax.debug_infs, False),
    ("jax_disable_jit", jax.disable_jit, False),
    ("jax_numpy_rank_promotion", jax.numpy_rank_promotion, "allow"),
    ("jax_numpy_dtype_promotion", jax.numpy_dtype_promotion, "standard"),
    ("jax_default_prng_impl", jax.default_prng_impl, "threefry2x32"),
    ("jax_threefry_partitionable", jax.threefry_partitionable, True),
    *(
        (name, jax.transfer_guard, None)
        for name in (
            *("jax_transfer_guard", "jax_transfer_guard_host_to_device"),
            *("jax_transfer_guard_device_to_device", "jax_transfer_guard_device_to_host"),
        )
    ),
)
"""Settings of JAX that would stop our programs or change their numbers, with what sets them and
what ours need: NaN and infinity tell a solver to step back, and are no mistake."""


@contextmanager
def own_settings() -> Iterator[None]:
    """A scope in float64, in which no setting of the user's own JAX stops or changes our programs.

    It holds for this thread only, and nothing of it is left behind.

    Raises:
        ScalejaxError: JAX has no device of the kind that it is told to use.
    """
    with ExitStack() as scope:
        scope.enter_context(jax.enable_x64(True))
        for name, context, value in _OWN:
            # Most are as they should be, and entering them all would take longer than a small fit.
            if getattr(jax.config, name) != value:
                scope.enter_context(context("allow" if value is None else value))
        try:
            yield
        except RuntimeError as error:
            if _NO_DEVICE not in str(error):
                raise
            raise ScalejaxError(
                f"JAX cannot be used as it is set: {error}. Set JAX_PLATFORMS to what this machine "
                "has, cpu or cuda, or unset it."
            ) from error

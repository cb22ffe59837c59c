"""Planned work, counted before anything is allocated or begun for it.

`check_memory` refuses more numbers than this machine can hold, with all of them in the message.
"""

import math
import sys
from collections.abc import Mapping
from pathlib import Path

from scalejax.errors import UsageError
from scalejax.vocabulary import argument

MOST_DRAWS = 10_000_000
"""Draws where each is some numbers: more digits of an interval than anything else has. By
judgement."""
MOST_POINTS = 100_000
"""Points of a curve or grid where each is a fit or an optimum: more than any picture shows. By
judgement."""

MOST_CHAINS = 1000
"""Chains of a sampler. By judgement."""
BYTES_PER_FIT = 400
"""Bytes of a refit at the least. Measured: 420 each in a fit of 36 runs with
5 parameters, between 100,000 and 200,000 refits."""

_UNLIMITED = 1 << 60


def check_memory(name: str, counts: Mapping[str, int], bytes_each: int) -> None:
    """Refuse planned work whose results this process cannot hold.

    Args:
        name: The keyword in Python of which less would do.
        counts: How many of what, which are multiplied.
        bytes_each: Bytes that each of the product needs at least.

    Raises:
        UsageError: There are too many, with the numbers.
    """
    needed, memory = math.prod(counts.values()) * bytes_each, memory_limit()
    if needed > memory:
        product = " x ".join(f"{_count(count)} {what}" for what, count in counts.items())
        raise UsageError(
            f"{product} need at least {_size(needed)} of memory, and this process may have "
            f"{_size(memory)}: give fewer by {argument(name)}."
        )


def memory_limit() -> int:
    """The bytes that this process may have: of the machine, the container and ``ulimit``."""
    limits = [_UNLIMITED]
    if sys.platform != "win32":
        import os
        import resource

        limits += [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
        soft = resource.getrlimit(resource.RLIMIT_AS)[0]
        limits += [] if soft == resource.RLIM_INFINITY else [soft]
    group = Path("/sys/fs/cgroup/memory.max")
    if group.is_file() and (text := group.read_text().strip()).isdigit():
        limits.append(int(text))
    return min(limits)


def _count(count: int) -> str:
    return f"{count:,}" if count < 1e15 else f"{float(count):.3g}"


def _size(size: int) -> str:
    units = ("bytes", "kB", "MB", "GB", "TB", "PB")
    step = min(int(math.log(max(size, 1), 1000)), len(units) - 1)
    return f"{size / 1000**step:,.3g} {units[step]}"

"""How work is laid out on the devices that JAX has: the one place that knows about hardware.

On CPU with JAX 0.12 and later the pass walks over the rows with 128 lanes in cache (64 or 256 are
no faster); older versions run such small loops 6 to 11 times slower and get the pass that forms all
rows at once (`benchmarks/pass_form.py`). An accelerator needs thousands of lanes to be busy
(`benchmarks/gpu.py` compares widths). Chunks bound the memory and are small enough for progress.
"""

import os
from dataclasses import dataclass

import jax

from scalejax.engine.derivatives import Form
from scalejax.scope import own_settings

_SCAN_SINCE = (0, 12)  # The first JAX that compiles the walk over the rows to fast code on CPU.


@dataclass(frozen=True)
class Layout:
    """Shape of the work.

    Attributes:
        devices: Devices to use, one worker thread each; a CPU appears once per core.
        form: Form of the pass over the rows, for problems that share their rows.
        ragged_form: The same for tables of different lengths, where ``"scan"`` saves the padding.
        lanes: Problems worked on at a time.
        chunk: Most problems in one chunk.
    """

    devices: tuple[jax.Device, ...]
    form: Form
    ragged_form: Form
    lanes: int
    chunk: int


def default_layout() -> Layout:
    """The layout for the default backend of this process."""
    with own_settings():
        devices = tuple(jax.local_devices())
    if devices[0].platform != "cpu":
        return Layout(devices, "rows", "rows", 16384, 65536)
    if len(devices) == 1:
        devices = devices * _cores()
    form: Form = "scan" if jax.__version_info__[:2] >= _SCAN_SINCE else "rows"
    return Layout(devices, form, "scan", 128, 2048)


def _cores() -> int:
    """Processor cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1

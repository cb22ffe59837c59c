"""The cache of compiled programs: the command turns it on, the library leaves it to you.

A program takes seconds to compile and every call of the command is a new process, so compiled
programs are kept in the user's cache folder. ``SCALEJAX_NO_CACHE=1`` turns that off.
"""

import hashlib
import os
import platform
import sys
from pathlib import Path

NO_CACHE_VARIABLE = "SCALEJAX_NO_CACHE"


def use_compilation_cache() -> None:
    """Tell JAX where to keep compiled programs; must come before JAX is imported."""
    if os.environ.get(NO_CACHE_VARIABLE, "") not in ("", "0"):
        return
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(_cache_folder()))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")


def _cache_folder() -> Path:
    if sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "scalejax" / "jax" / _processor()


def _processor() -> str:
    """A name for the set of instructions of this processor.

    Home folders are shared between machines, and a program compiled for one processor may use
    instructions that another lacks.
    """
    features = platform.processor()
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as lines:
            features = next((line for line in lines if line.startswith(("flags", "Feat"))), "")
    except OSError:
        pass
    return f"{platform.machine()}-{hashlib.sha256(features.encode()).hexdigest()[:12]}"

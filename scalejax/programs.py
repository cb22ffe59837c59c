"""Compiled programs, kept in the user's cache folder: a program takes seconds to compile.

The command keeps them unless ``SCALEJAX_NO_CACHE=1`` says otherwise; in Python it is one call,
`keep_programs`.
"""

import hashlib
import os
import platform
import sys
from pathlib import Path

NO_CACHE_VARIABLE = "SCALEJAX_NO_CACHE"

SETTINGS = {
    "jax_persistent_cache_min_compile_time_secs": 0,
    "jax_persistent_cache_min_entry_size_bytes": -1,
}
"""Settings of JAX with which small programs are kept too: there are many."""


def keep_programs(folder: str | Path | None = None) -> Path | None:
    """Keep compiled programs in a folder, so that the next process need not compile them.

        import scalejax as sj

        sj.keep_programs()

    A first fit in a new kernel then takes less than half of the time. This is a call and not the
    default: JAX has one such folder for a whole process, so it holds your own programs too, and
    turning that on is a setting of yours. Call it once, before or after other work; fits are the
    same with it and without. The command ``scalejax`` uses the same folder.

    Args:
        folder: Where to keep them. If not given, the folder that JAX has already (for example
            ``JAX_COMPILATION_CACHE_DIR``), with its settings as they are, or else a folder in the
            user's cache, one for each kind of processor.

    Returns:
        The folder, or None where the variable ``SCALEJAX_NO_CACHE`` forbids one.
    """
    import jax
    from jax.experimental.compilation_cache import compilation_cache

    if forbidden():
        return None
    present = jax.config.values["jax_compilation_cache_dir"]
    if folder is None and present is not None:
        return Path(present)
    place = Path(folder or user_folder()).expanduser()
    place.mkdir(parents=True, exist_ok=True)
    for name, value in {"jax_compilation_cache_dir": str(place), **SETTINGS}.items():
        jax.config.update(name, value)
    # JAX looks for the folder once, when it first compiles.
    compilation_cache.reset_cache()
    return place


def forbidden() -> bool:
    """Whether the user wants no programs to be kept."""
    return os.environ.get(NO_CACHE_VARIABLE, "") not in ("", "0")


def user_folder() -> Path:
    """The folder of compiled programs in the user's cache, for this processor."""
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

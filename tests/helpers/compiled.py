"""What JAX compiled for tests, kept between runs in the user's cache folder.

Compiling is most of what the suite costs. JAX 0.10 writes entries in place, where another process
may read half of one, and its own bound on the size looks at every entry for each that it writes.
So each worker has a folder of its own, which begins with second names (hard links) of all that is
kept; what it adds is given a name in the common folder when a file of tests has ended, and the
others take it from there before their next file.
"""

import os
import platform
import shutil
import tempfile
import time
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from scalejax.programs import user_folder

ENTRIES = "*-cache"
# Half the time for compiling with JAX 0.10, a fifth less with later versions, which have no such
# emitters. Programs that say themselves how they are compiled keep that.
QUICKLY = "--xla_llvm_disable_expensive_passes=true" + (
    " --xla_cpu_use_fusion_emitters=false" if version("jax").startswith("0.10.") else ""
)
DAYS = 30
MOST_BYTES = 2 << 30


def kept_folder() -> Path | None:
    """The common folder of these versions and this processor; None where none can be written."""
    python = "".join(platform.python_version_tuple()[:2])
    try:
        command = user_folder()
        versions = f"jax{version('jax')}-jaxlib{version('jaxlib')}-py{python}"
        kept = command.parents[1] / "tests" / f"{versions}-{command.name}"
        kept.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=kept):
            return kept
    except (OSError, RuntimeError):  # RuntimeError: there is no home
        return None


def second_name(file: Path, folder: Path) -> None:
    """Give a file a name in another folder too; where that cannot be, nothing is kept."""
    with suppress(OSError):  # It is there, was just deleted, or the disk knows no second names.
        os.link(file, folder / file.name)


def is_whole(file: Path) -> bool:
    """Whether an entry can be read: a process that was killed may have written half of it."""
    try:
        from jax._src.compilation_cache import decompress_executable
    except ImportError:  # newer versions write whole entries or none
        return True
    try:
        decompress_executable(file.read_bytes())
    except Exception:  # each compression has its own errors
        return False
    return True


class Compiled:
    """The folders of one run: `own` of this worker, `kept` of all."""

    def __init__(self) -> None:
        self.kept = kept_folder()
        run = os.environ.setdefault("SCALEJAX_TEST_RUN", str(os.getpid()))  # workers inherit it
        base = self.kept or Path(tempfile.gettempdir())
        self.run = base / f"scalejax-tests-{run}"
        self.own = self.run / os.environ.get("PYTEST_XDIST_WORKER", "only")
        self.known: set[str] = set()

    def begin(self) -> None:
        """Make the worker's folder and tell JAX; must come before JAX is imported."""
        self.own.mkdir(parents=True, exist_ok=True)
        self.take()
        os.environ["XLA_FLAGS"] = f"{QUICKLY} {os.environ.get('XLA_FLAGS', '')}".strip()
        os.environ["JAX_COMPILATION_CACHE_DIR"] = str(self.own)
        # Else the folder's name is part of every entry's name.
        os.environ["JAX_PERSISTENT_CACHE_ENABLE_XLA_CACHES"] = "none"
        os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
        os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"

    def take(self) -> None:
        """Take what is kept, by other workers of this run too."""
        for file in self.kept.glob(ENTRIES) if self.kept else ():
            if file.name not in self.known:
                second_name(file, self.own)
                self.known.add(file.name)

    def keep(self) -> None:
        """Keep what this worker has compiled since the last time."""
        if not self.kept:
            return
        for file in self.own.glob(ENTRIES):
            if file.name not in self.known and is_whole(file):
                second_name(file, self.kept)
                self.known.add(file.name)

    def end(self) -> None:
        """Delete the folders of the run, those that killed runs left, and what is old."""
        shutil.rmtree(self.run, ignore_errors=True)
        if not self.kept:
            return
        old = time.time() - DAYS * 86400
        for run in self.kept.glob("scalejax-tests-*"):
            if _last_use(run) < time.time() - 86400:
                shutil.rmtree(run, ignore_errors=True)
        size = 0
        for file in sorted(self.kept.glob(ENTRIES), key=_last_use, reverse=True):
            size += file.stat().st_size
            if size > MOST_BYTES or _last_use(file) < old:
                file.unlink(missing_ok=True)


def _last_use(file: Path) -> float:
    try:
        facts = file.stat()
    except OSError:  # another run was faster
        return 0.0
    return max(facts.st_atime, facts.st_mtime)

"""The command keeps compiled programs: every call of it is a new process, see `keep_programs`."""

import os

from scalejax.programs import NO_CACHE_VARIABLE as NO_CACHE_VARIABLE
from scalejax.programs import SETTINGS, forbidden, user_folder


def use_compilation_cache() -> None:
    """Tell JAX where to keep compiled programs; must come before JAX is imported."""
    if forbidden():
        return
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(user_folder()))
    for name, value in SETTINGS.items():
        os.environ.setdefault(name.upper(), str(value))

"""Compiled programs are kept where the caller says, whenever that is said."""

import json
import os
import subprocess
import sys

import pytest

CODE = """
import json, sys
from pathlib import Path
import jax
import scalejax as sj

jax.jit(lambda x: x + 1)(1.0)
first = sj.keep_programs(sys.argv[1] or None)
jax.jit(lambda x: x * 3)(1.0)
entries = 0 if first is None else len(list(Path(first).glob("*-cache")))
print(json.dumps([first and str(first), entries, sj.keep_programs() == first]))
"""


@pytest.fixture
def answer(tmp_path):
    """What a new process says that keeps its programs in a folder; it has compiled already."""

    def call(folder="", **variables):
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("JAX_", "SCALEJAX_"))}
        done = subprocess.run(
            [sys.executable, "-c", CODE, str(folder)],
            env={**clean, "XDG_CACHE_HOME": str(tmp_path), **variables},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return call


def test_programs_are_kept_although_others_were_compiled_before(answer, tmp_path):
    place, entries, again = answer(tmp_path / "mine")
    assert place == str(tmp_path / "mine")
    assert entries >= 1
    assert again


@pytest.mark.skipif(sys.platform != "linux", reason="the user's cache is elsewhere")
def test_the_usual_folder_is_in_the_users_cache(answer, tmp_path):
    place, entries, again = answer()
    assert place.startswith(str(tmp_path / "scalejax" / "jax"))
    assert entries >= 1
    assert again


def test_a_folder_of_jax_is_left_as_it_is(answer, tmp_path):
    assert answer(JAX_COMPILATION_CACHE_DIR=str(tmp_path / "theirs"))[0] == str(tmp_path / "theirs")


def test_the_user_can_forbid_it(answer, tmp_path):
    assert answer(tmp_path / "mine", SCALEJAX_NO_CACHE="1") == [None, 0, True]
    assert not (tmp_path / "mine").exists()

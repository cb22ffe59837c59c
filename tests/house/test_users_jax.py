"""No setting of the user's own JAX stops our programs or changes their numbers."""

import contextlib
import os
import re
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np

import scalejax as sj
from scalejax.scope import own_settings

SETTINGS = (
    lambda: jax.debug_nans(True),
    lambda: jax.debug_infs(True),
    lambda: jax.disable_jit(True),
    lambda: jax.numpy_rank_promotion("raise"),
    lambda: jax.numpy_dtype_promotion("strict"),
    lambda: jax.default_prng_impl("rbg"),
    lambda: jax.threefry_partitionable(False),
    lambda: jax.transfer_guard("disallow"),
)


def values():
    return {name: getattr(jax.config, name, None) for name in jax.config.values}


def answers(runs):
    fit = sj.fit(runs, resamples=20)
    plan = sj.plan("besiroglu2024", budget=1e22)
    frame = fit.predict({"N": 1e11, "D": 1e12}, discrepancy="none")
    return fit.params, fit.draws.to_frame().to_numpy(), frame.to_numpy(), plan["N"]


def test_numbers_are_the_same_under_all_settings(golden):
    before, expected = values(), answers(golden)
    with contextlib.ExitStack() as stack:
        for setting in SETTINGS:
            stack.enter_context(setting())
        here = values()
        np.testing.assert_equal(answers(golden), expected)
        assert values() == here
    assert values() == before


def test_the_scope_is_of_this_block_alone():
    with jax.debug_nans(True), own_settings():
        assert not jax.config.jax_debug_nans
        assert jax.config.jax_enable_x64
        with jax.transfer_guard("disallow"), own_settings():
            assert jax.numpy.asarray(np.ones(2)) + np.ones(2) is not None
    assert not jax.config.jax_enable_x64


def test_a_platform_that_is_not_there_is_one_line():
    command = [sys.executable, "-m", "scalejax", "plan", "besiroglu2024", "--budget", "1e22"]
    environment = {**os.environ, "JAX_PLATFORMS": "bogus"}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith("scalejax: error: JAX cannot be used as it is")
    assert "Traceback" not in ended.stderr


def test_all_of_ours_is_in_that_scope():
    for path in Path(sj.__file__).parent.rglob("*.py"):
        if path.name != "scope.py":
            assert not re.search(r"with .*jax\.enable_x64\(", path.read_text()), path

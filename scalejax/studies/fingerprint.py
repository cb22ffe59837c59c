"""What the results of a job depend on, so that no other job goes on in its folder."""

import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pyarrow as pa

from scalejax.data import Table
from scalejax.engine import Layout
from scalejax.laws import Law
from scalejax.studies.problems import Problems
from scalejax.studies.shards import Shard


def fingerprint(
    problems: Problems, shards: Sequence[Shard], layout: Layout, described: Mapping[str, Any]
) -> dict[str, str]:
    """What the results of a job depend on, each part with a short hash or a word.

    Args:
        problems: What is fitted.
        shards: How it is cut.
        layout: How work is laid out on the devices.
        described: The study as the job describes it.
    """
    words = {f"study {key}": json.dumps(value) for key, value in described.items()}
    recipes = problems.study.recipes
    return {
        **{key: word if len(word) <= 40 else _short(word) for key, word in words.items()},
        **{f"law {recipe.name}": _short(_text(recipe.found)) for recipe in recipes},
        "rows": rows_mark(problems.table),
        "shards": f"{len(shards)} of {max(shard.fits for shard in shards)} fits",
        "lanes": f"{layout.form} {layout.ragged_form} {layout.lanes}",
        "scalejax": version("scalejax"),
        "jax": jax.__version__,
        "numpy": np.__version__,
        "pyarrow": pa.__version__,
        "python": platform.python_version(),
        "dtype": "float64",
        "device": jax.local_devices()[0].platform,
    }


def rows_mark(table: Table) -> str:
    """The part of a fingerprint that is about the rows."""
    return table.fingerprint[:16]


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _text(law: Law) -> str:
    """What a law and its slopes compute, with all numbers that it holds.

    The text is StableHLO: that of a traced law leaves out what arrays hold.
    """

    def both(theta: Mapping[str, jax.Array], *point: jax.Array) -> jax.Array:
        return law(*point, **theta)

    with jax.enable_x64(True):
        number = jax.ShapeDtypeStruct((), jnp.float64)
        theta = dict.fromkeys(law.parameters, number)
        lowered = jax.jit(jax.value_and_grad(both)).lower(theta, *[number] * len(law.inputs))
        return str(lowered.as_text())

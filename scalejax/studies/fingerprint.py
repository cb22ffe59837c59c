"""The fingerprint of a job: hashes of all that its results depend on.

A folder goes on with a job only if the fingerprints are the same.
"""

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
from scalejax.scope import own_settings
from scalejax.studies.problems import Problems
from scalejax.studies.shards import Shard


def fingerprint(
    problems: Problems, shards: Sequence[Shard], layout: Layout, description: Mapping[str, Any]
) -> dict[str, str]:
    """All that the results of a job depend on: each part with a word, or a hash of a long one.

    Args:
        problems: All problems.
        shards: The pieces that they are solved in.
        layout: How work is laid out on the devices.
        description: The study as plain values, see `Study.describe`.
    """
    words = {f"study {key}": json.dumps(value) for key, value in description.items()}
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
    """The compiled text of a law and its derivatives, with all numbers that it holds.

    StableHLO, because the text of a traced law leaves out the values of arrays.
    """

    def both(theta: Mapping[str, jax.Array], *point: jax.Array) -> jax.Array:
        return law(*point, **theta)

    with own_settings():
        number = jax.ShapeDtypeStruct((), jnp.float64)
        theta = dict.fromkeys(law.parameters, number)
        lowered = jax.jit(jax.value_and_grad(both)).lower(theta, *[number] * len(law.inputs))
        return str(lowered.as_text())

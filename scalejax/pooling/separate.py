"""Families fitted each by itself, to show what pooling changed."""

import warnings
from collections.abc import Mapping

import numpy as np

from scalejax.data import Table, distinct_values
from scalejax.engine import inert_inputs
from scalejax.errors import DataWarning, FitWarning
from scalejax.fitting import Fit, fit_many
from scalejax.laws import Law
from scalejax.objectives import Objective, make_model


def separate_fits(
    table: Table, law: Law, objective: Objective, fixed: Mapping[str, float] | None
) -> dict[str, Fit]:
    """Fits of those groups that have more rows than parameters, and several of every input."""
    model = make_model(law, objective.kernel, fixed=fixed)
    varied = [name for name in law.inputs if name not in inert_inputs(model)]
    enough = [
        name
        for name, part in table.split().items()
        if np.sum(part.weight > 0) > model.size
        and all(distinct_values(part.inputs[x][part.weight > 0]) > 1 for x in varied)
    ]
    if not enough:
        return {}
    subset = table.select(np.isin(np.array(table.group_labels)[table.group], enough))
    by = table.columns.get("group", "group")
    with warnings.catch_warnings():
        # Small families warn of what pooling is for; their status shows it too.
        warnings.simplefilter("ignore", (DataWarning, FitWarning))
        return fit_many(subset, law, by=by, objective=objective, fixed=fixed)

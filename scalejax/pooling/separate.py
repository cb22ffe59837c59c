"""Families fitted each by itself, to compare with: what pooling changed."""

import warnings
from collections.abc import Mapping

import numpy as np

from scalejax.data import Table
from scalejax.data.design import distinct_values
from scalejax.fitting import Fit, fit_many
from scalejax.fitting.gate import inputs_at_rest
from scalejax.laws import Law
from scalejax.objectives import Objective, make_model


def separate_fits(
    table: Table, law: Law, objective: Objective, fixed: Mapping[str, float] | None
) -> dict[str, Fit]:
    """Fits of those groups that have more rows than parameters, and several of every input."""
    model = make_model(law, objective.kernel, fixed=fixed)
    varied = [name for name in law.inputs if name not in inputs_at_rest(model)]
    enough = [
        name
        for name, part in table.split().items()
        if np.sum(part.weight > 0) > model.size
        and all(distinct_values(part.inputs[x][part.weight > 0]) > 1 for x in varied)
    ]
    frame = table.to_frame()
    frame = frame[frame["group"].isin(enough)]
    if frame.empty:
        return {}
    columns = {name: name for name in (*law.inputs, "loss")}
    with warnings.catch_warnings():
        # What they warn of is why they are pooled.
        warnings.simplefilter("ignore")
        return fit_many(
            frame.drop(columns=["row"]), law, by="group", objective=objective, fixed=fixed,
            columns=columns, target="loss", weights="weight",
        )  # fmt: skip

"""Which parameters the runs determine, before a fit or at the estimate of one.

`design_identifiability` needs the inputs of the runs only, so it works before anything is trained;
`identifiability` looks at a finished fit, at its estimate. `scalejax.fit` calls the first itself
and refuses runs that cannot determine the law.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from scalejax._arrays import Floats
from scalejax._numerics import robust_sd
from scalejax.data import Table
from scalejax.engine import ObjectiveLike, as_objective, run_set_of
from scalejax.errors import UsageError
from scalejax.fitting import Fit
from scalejax.identify import (
    TYPICAL_NOISE,
    Identifiability,
    RunSet,
    assess_design,
    assess_estimate,
    listed,
)
from scalejax.laws import Law, find_law
from scalejax.objectives import Model, make_model


def design_identifiability(
    data: Table | pd.DataFrame | Mapping[str, ArrayLike],
    law: str | Law = "chinchilla",
    *,
    params: Mapping[str, float] | None = None,
    fixed: Mapping[str, float] | None = None,
    tied: Mapping[str, str] | None = None,
    objective: ObjectiveLike = None,
    noise: float = TYPICAL_NOISE,
) -> Identifiability:
    """Which parameters runs can determine, before a fit or before the runs.

    Args:
        data: A table, whose weights count and whose losses do not, or the inputs of the law by
            name in raw units, (n,) each.
        law: As for `fit`.
        params: Parameters at which the law is linearised; those that are fixed or tied may be
            left out. Without them the published sets of the law are tried, or points all over the
            plausible ranges if it has none, and the best case is reported, so that a refusal is
            never due to a bad guess.
        fixed: As for `fit`.
        tied: As for `fit`.
        objective: As for `fit`; what matters is whether residuals are of the log loss.
        noise: Standard deviation of the residual of a run of average weight.

    Returns:
        The answer, with a sentence for each problem. Nothing is raised for a bad design.

    Raises:
        UsageError: An input or parameter is missing or not finite.
    """
    law = find_law(law)
    model = make_model(law, as_objective(objective).kernel, fixed=fixed, tied=tied)
    fixed = dict(fixed or {})
    columns: Mapping[str, str] = {}
    if isinstance(data, Table):
        design, columns = run_set_of(model, fixed, data), data.columns
    else:
        design = RunSet(model, fixed, *_arrays(law, data))
    if params is not None:
        _check_parameters(model, params)
    return assess_design(design, noise, columns, params)


def identifiability(fit: Fit) -> Identifiability:
    """Which parameters the runs of a fit determine, at its estimate.

    Args:
        fit: The fit. The noise is the robust standard deviation of its residuals.

    Returns:
        The answer; its condition is the one of the fit, but for priors. If the runs could
        determine the parameters nowhere, the answer is that of `design_identifiability`: an
        estimate that has run away to a bound does not tell why.

    Raises:
        UsageError: The law is not finite at the estimate.
    """
    fixed = dict(fit.settings["fixed"])
    model = make_model(fit.law, fit.objective.kernel, fixed=fixed, tied=fit.settings["tied"])
    design = run_set_of(model, fixed, fit.table)
    has_weight = fit.table.weight > 0
    residuals = np.sqrt(design.weight) * fit.residuals[has_weight]
    spare = max(design.n_rows - len(model.free), 1)
    noise = robust_sd(residuals) * np.sqrt(design.n_rows / spare)
    columns, ends = fit.table.columns, fit.draws.status
    answer = assess_estimate(design, fit.params, float(noise), columns, ends)
    if answer.verdict != "not identified":
        return answer
    anywhere = assess_design(design, float(noise), columns, draw_status=ends)
    return anywhere if anywhere.verdict == "not identified" else answer


def _arrays(law: Law, data: Any) -> tuple[dict[str, Floats], Floats]:
    missing = [name for name in law.inputs if name not in data]
    if missing:
        raise UsageError(f"the runs have no {listed(missing)} (law {law.name}).")
    columns = np.broadcast_arrays(
        *(np.atleast_1d(np.asarray(data[name], np.float64)) for name in law.inputs)
    )
    inputs = dict(zip(law.inputs, columns, strict=True))
    wrong = [name for name, x in inputs.items() if not (x.size and np.all(np.isfinite(x)))]
    if wrong:
        raise UsageError(f"{listed(wrong)} must hold finite numbers, one per run.")
    return inputs, np.ones(len(columns[0]))


def _check_parameters(model: Model, params: Mapping[str, float]) -> None:
    missing = [name for name in model.free if name not in params]
    unknown = [name for name in params if name not in model.law.parameters]
    if missing or unknown:
        complaints = [f"lacks {listed(missing)}"] * bool(missing)
        complaints += [f"names {listed(unknown)}"] * bool(unknown)
        raise UsageError(f"params= {' and '.join(complaints)} (law {model.law.name}).")

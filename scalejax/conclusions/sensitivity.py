"""Sensitivity: how far the conclusions move under other choices of the analyst, by refits.

Each *variant* changes one thing: the objective, Huber's delta, rows left out, how parameters are
counted, the law, or the kind of resampling. The table says how far each conclusion moves, in its
own units and in standard errors of the fit, and which variant moves it most.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from scalejax._arrays import Floats
from scalejax.conclusions.conclusions import Conclusions, Point, conclude
from scalejax.data import Table
from scalejax.engine import CALLER_WEIGHTS, FitProblem, How, Refits, Resampling, estimate, refits
from scalejax.errors import UsageError
from scalejax.fitting import Fit
from scalejax.keywords import keywords
from scalejax.laws import Law, find_law
from scalejax.objectives import (
    Objective,
    Scale,
    absolute,
    as_huber,
    huber,
    least_squares,
    make_model,
    student_t,
)
from scalejax.resampling import percentile_interval
from scalejax.status import MINIMA, Status

OBJECTIVES: Mapping[str, Objective] = {
    "Huber 1e-3": huber(),
    "Huber auto": huber("auto"),
    "least squares": least_squares(),
    "absolute": absolute(),
    "Student t(3)": student_t(),
}
DELTAS = (1e-4, 3e-3, 1e-2, 3e-2)
"""Deltas around the 1e-3 that Hoffmann et al. (arXiv:2203.15556) use on log loss."""


@dataclass(frozen=True, eq=False)
class _Variant:
    kind: str
    name: str
    problem: FitProblem


@keywords()
def sensitivity(
    fit: Fit,
    what: Conclusions | None = None,
    *,
    at: Point | Sequence[Point] | None = None,
    objectives: Mapping[str, Objective] | None = None,
    deltas: Sequence[float] | None = None,
    laws: Sequence[str | Law] = (),
    exclusions: Mapping[str, Sequence[int]] | None = None,
    conventions: Mapping[str, Mapping[str, ArrayLike]] | None = None,
    level: float = 0.95,
    how: How | None = None,
) -> pd.DataFrame:
    """Refit under other choices, and list how far each conclusion moves.

    Args:
        fit: The fit; its draws decide the kind and number of resamples of the variants.
        what: Conclusions to watch; the usual ones if not given.
        at: Points of the usual ones, as for `conclude`.
        objectives: Other objectives by name; `OBJECTIVES` if not given.
        deltas: Deltas of Huber's loss on the same residuals; `DELTAS` if not given.
        laws: Other laws with the same inputs.
        exclusions: Rows of the source to leave out, by a name for them. The five runs of highest
            loss and the tenth with the least compute or data are always tried.
        conventions: Other values of inputs, such as ``{"without embeddings": {"N": values}}``, one
            for each row in use.
        level: Probability of the intervals.
        how: How to solve.

    Returns:
        One row per variant and conclusion: kind, variant, conclusion, estimate, lo, hi, base,
        change, change_in_se (in standard errors of the fit, of the logarithm for positive
        numbers, see `Conclusions.moves`) and status. lo and hi are percentiles of the variant's
        own resamples, NaN if the fit has none. A conclusion that another law does not have is NaN.

    Raises:
        UsageError: A law has other inputs, or an array another length.
    """
    what = what or conclude(fit, at=at)
    how = how or How(seed=fit.settings["seed"])
    base = what.of(fit.law, fit.params)
    count = 0 if fit.draws.method == CALLER_WEIGHTS else len(fit.draws)
    frames = []
    objectives = OBJECTIVES if objectives is None else objectives
    variants = [
        *_objectives(fit, objectives, DELTAS if deltas is None else deltas),
        *_exclusions(fit, exclusions or {}),
        *_conventions(fit, conventions or {}),
        *_laws(fit, laws),
    ]
    for variant in variants:
        parameters, status, again = _solve(variant.problem, fit, count, how)
        law = variant.problem.model.law
        estimate = what.of(law, parameters)
        low, high = np.full((2, len(base)), np.nan)
        if again is not None:
            low, high = percentile_interval(what.of_many(law, again.arrays()), level)
        frames.append(
            pd.DataFrame(
                {
                    "kind": variant.kind,
                    "variant": variant.name,
                    "conclusion": what.names,
                    "estimate": estimate,
                    "lo": low,
                    "hi": high,
                    "base": base,
                    "change": estimate - base,
                    "change_in_se": what.moves(fit, estimate),
                    "status": status.label,
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def largest_moves(frame: pd.DataFrame) -> pd.DataFrame:
    """For each conclusion of a sensitivity table the variant that moves it most.

    The move is that in standard errors, which is in logarithms for positive numbers; where these
    are unknown, the change itself. Only variants whose fit converged count.
    """
    sound = frame[(frame["status"] == Status.CONVERGED.label) & frame["change"].notna()]
    known = np.isfinite(sound["change_in_se"]).groupby(sound["conclusion"]).transform("any")
    size = sound["change_in_se"].where(known, sound["change"]).abs()
    # NaN beside known moves is no move that can be told.
    order = size.fillna(-1.0).groupby(sound["conclusion"], sort=False).idxmax()
    return sound.loc[order].reset_index(drop=True)


def _solve(
    problem: FitProblem, fit: Fit, count: int, how: How
) -> tuple[dict[str, float], Status, Refits | None]:
    """Estimate, status and refits of a variant, from all starts."""
    problem = _with_few_programs(problem)
    kind = fit.draws.method.removeprefix("cluster ") if count else "none"
    resampling = Resampling(kind, count, fit.settings.get("noise"))
    problem, point = estimate(problem, how, resampling)
    parameters = {name: float(v[0]) for name, v in problem.parameters(point.u).items()}
    status = Status(int(point.status[0]))
    if not count or status not in MINIMA:
        return parameters, status, None
    return parameters, status, refits(problem, how, point, resampling)


def _with_few_programs(problem: FitProblem) -> FitProblem:
    """The same minimum by the compiled program of Huber's loss, where that is possible."""
    if problem.priors or problem.model.penalty is not None:
        return problem
    objective = as_huber(problem.objective)
    model = replace(problem.model, kernel=objective.kernel)
    return replace(problem, model=model, objective=objective)


def _objectives(
    fit: Fit, objectives: Mapping[str, Objective], deltas: Sequence[float]
) -> Iterator[_Variant]:
    for name, objective in objectives.items():
        if not _same(objective, fit.objective):
            yield _Variant("objective", name, _with_objective(fit, objective))
    on: Scale = "log" if fit.objective.kernel.log else "loss"
    for delta in deltas:
        objective = huber(delta, on=on)
        if not _same(objective, fit.objective):
            yield _Variant("delta", f"Huber {delta:g}", _with_objective(fit, objective))


def _same(a: Objective, b: Objective) -> bool:
    return a.kernel == b.kernel and a.constants == b.constants and a.tuning is None


def _with_objective(fit: Fit, objective: Objective) -> FitProblem:
    problem = fit.problem
    model = replace(problem.model, kernel=objective.kernel)
    return replace(problem, model=model, objective=objective)


def _exclusions(fit: Fit, rows_by_name: Mapping[str, Sequence[int]]) -> Iterator[_Variant]:
    """Exclusions by weight, so that the compiled program serves all of them."""
    table = fit.table
    exclusions: dict[str, NDArray[np.bool_]] = {
        name: np.isin(table.row, list(rows)) for name, rows in rows_by_name.items()
    }
    top = np.argsort(-table.target, kind="stable")[:5]
    exclusions.setdefault("without the 5 highest losses", np.isin(np.arange(table.n_rows), top))
    size, label = _size(table)
    exclusions.setdefault(f"without the tenth of least {label}", size <= np.quantile(size, 0.1))
    for name, out in exclusions.items():
        if int(np.sum((table.weight > 0) & ~out)) > fit.problem.model.size + 2:
            weight = np.where(out, 0.0, table.weight)
            problem = replace(fit.problem, table=replace(table, weight=weight))
            yield _Variant("exclusion", name, problem)


def _size(table: Table) -> tuple[Floats, str]:
    """How large each run is, and in what."""
    if {"N", "D"} <= set(table.inputs):
        return table.inputs["N"] * table.inputs["D"], "compute"
    name = next(iter(table.inputs))
    return table.inputs[name], name


def _conventions(
    fit: Fit, conventions: Mapping[str, Mapping[str, ArrayLike]]
) -> Iterator[_Variant]:
    table = fit.table
    for name, inputs in conventions.items():
        values = {key: np.asarray(array, np.float64) for key, array in inputs.items()}
        wrong = [
            key
            for key, array in values.items()
            if key not in table.inputs or array.shape != (table.n_rows,)
        ]
        if wrong:
            raise UsageError(
                f"conventions[{name!r}] needs inputs of {fit.law.name} with {table.n_rows} values "
                f"each, one for each row in use; {', '.join(wrong)} is not that."
            )
        other = replace(table, inputs={**table.inputs, **values})
        yield _Variant("convention", name, replace(fit.problem, table=other))


def _laws(fit: Fit, laws: Sequence[str | Law]) -> Iterator[_Variant]:
    for name in laws:
        law = find_law(name)
        if not set(law.inputs) <= set(fit.table.inputs):
            raise UsageError(f"{law.name} needs {', '.join(law.inputs)}, which the fit has not.")
        inputs = {name: fit.table.inputs[name] for name in law.inputs}
        problem = FitProblem(
            make_model(law, fit.objective.kernel),
            fit.objective,
            replace(fit.table, inputs=inputs),
        )
        yield _Variant("law", law.name, problem)


def describe_moves(frame: pd.DataFrame) -> list[str]:
    """One sentence for each conclusion: what moves it most, and how far."""
    return [
        f"{row.conclusion}: {row.base:.4g}; most by {row.variant} ({row.kind}), to "
        f"{row.estimate:.4g} ({row.change_in_se:+.1f} standard errors)."
        for row in largest_moves(frame).itertuples()
    ]

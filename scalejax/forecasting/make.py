"""`forecast`: from a table of runs and runs to come to their losses, families as one batch."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import NormalDist
from typing import Any, Unpack

import numpy as np
import pandas as pd

from scalejax._arrays import Floats
from scalejax.amounts import whole
from scalejax.compute import SIX_N_D, Compute
from scalejax.data import (
    Inspection,
    Presence,
    Request,
    Table,
    TableOptions,
    accepted,
    group_by,
    inspect_table,
    with_mapping,
)
from scalejax.engine import inert_inputs, target_of
from scalejax.errors import UsageError
from scalejax.folds import leave_largest
from scalejax.forecasting.batch import Answer, ForecastRows, solve_all
from scalejax.forecasting.forecast import Backtest, Forecast, quantiles
from scalejax.forecasting.inside import AnyLaw, FieldLaw, LawInside
from scalejax.forecasting.posterior import Posterior
from scalejax.keywords import keywords
from scalejax.laws import DEFAULT, Law, LawChoice, find_law, law_of_inputs
from scalejax.objectives import least_squares, make_model
from scalejax.points import points
from scalejax.quantities import LOSS
from scalejax.resampling import FEW_RUNS, check_level, t_quantile
from scalejax.vocabulary import argument

At = pd.DataFrame | Mapping[str, Any] | Sequence[Mapping[str, float | str]]
"""Runs to come: a frame, a mapping of columns or numbers, or one mapping for each."""

FEWEST_ROWS = 4
"""Fewer were never tried; of four the prior says nearly all."""

_SAME_SIZE = 6
"""Decimals of a decade of compute to which sizes are told apart."""

_DRAWS = 1000
"""Draws of the parameters, as many as a fit has resamples."""


@keywords(TableOptions)
def forecast(
    data: Any,
    *,
    at: At,
    law: str | Law | None = None,
    by: str | Sequence[str] | None = None,
    priors: Mapping[str, tuple[float, float]] | None = None,
    level: float = 0.95,
    seed: int = 0,
    **table_options: Unpack[TableOptions],
) -> Forecast:
    """Forecast the losses of runs to come, with the error of the law inside the interval.

    A smooth discrepancy over the inputs, which is larger for small runs, takes up what the law does
    not describe; noise, discrepancy and its length are averaged by their evidence, and rows far out
    are weighed down. On public tables the 90 % interval held 96 % of the larger runs, where that of
    a plain fit held 76 % (benchmarks/results/foresight.md); it is wider than it need be where a law
    is exactly right.

    Args:
        data: As for `scalejax.fit`. Rows of one run (``run=``) share an offset.
        at: The runs to come: ``{"N": "70B", "D": 1.4e12}``, columns of several, a frame, or a list.
        law: The law inside. If not given, Chinchilla's with an outer exponent under the field's
            prior, for tables of N, D and loss, and a power law with a floor for those that have one
            of N, D, C and steps alone. Laws have the prior that they declare, or weak ones from the
            plausible ranges of their parameters.
        by: Column of the families, each of which is forecast by itself, all as one batch.
        priors: What you know of parameters: the range that holds nine in ten values of each.
        level: Probability of the intervals.
        seed: Seed of the draws of the parameters.
        **table_options: As for `scalejax.fit`.

    Returns:
        The forecast.

    Raises:
        InputError: The data cannot be used.
        UsageError: A run to come lacks an input, the response is not positive everywhere, or a
            family has fewer than four rows.
    """
    check_level(level)
    whole("seed", seed)
    given = None if law is None else inside_of(law, priors)
    inspection = _inspected(data, given, by, table_options)
    table = accepted(inspection)
    if np.any(table.target <= 0):
        raise UsageError(
            "a forecast is of logarithms, and the response is not positive everywhere."
        )
    choice = None if inspection.presence is None else _choice(inspection.presence)
    inside = given or inside_of(choice.name if choice else None, priors)
    targets = dict.fromkeys(families := _families(table), runs_to_come(at, inside.law.inputs))
    answer = make_forecast(
        inside, families, targets, level=level, seed=seed,
        unit=table.unit, compute=dict.fromkeys(families, table.compute),
    )  # fmt: skip
    return replace(answer, notes=(choice.note, *answer.notes)) if choice else answer


def inside_of(
    law: str | Law | None, priors: Mapping[str, tuple[float, float]] | None = None
) -> LawInside:
    """The law inside a forecast, by its name.

    Args:
        law: The law; None for the field's.
        priors: Ranges of parameters that hold nine in ten values.

    Raises:
        UsageError: A name that is not a parameter, or a range outside its support.
    """
    if not priors and (law is None or find_law(law).name == FieldLaw().law.name):
        return FieldLaw()
    chosen = FieldLaw().law if law is None else find_law(law)
    for name, (low, high) in (priors or {}).items():
        if name not in chosen.parameters:
            raise UsageError(
                f"{argument('priors')} names {name}, which is no parameter of {chosen.name} "
                f"({', '.join(chosen.parameters)})."
            )
        support = chosen.parameters[name].support
        if not support.lower < low < high < support.upper:
            raise UsageError(
                f"{argument('priors')}: the range of {name} must increase and lie inside its "
                f"support ({support.name}), not {low:g} to {high:g}."
            )
    ranges = tuple(sorted((priors or {}).items()))
    return AnyLaw(make_model(chosen, least_squares().kernel), ranges)


def make_forecast(
    inside: LawInside,
    families: Mapping[str, ForecastRows],
    targets: Mapping[str, Mapping[str, Floats]],
    *,
    level: float,
    seed: int,
    fixed: Mapping[str, float] | None = None,
    backtest: bool = True,
    compute: Mapping[str, Compute | None] | None = None,
    unit: str = LOSS.unit,
) -> Forecast:
    """Solve families, and the largest runs of each from the rest, as one batch.

    Args:
        inside: The law.
        families: Rows of each family.
        targets: Inputs of the runs to come of each family, (t,) each.
        level: Probability of the intervals.
        seed: Seed of the draws.
        fixed: Values of parameters that were not sought.
        backtest: Whether the largest runs are forecast from the rest.
        compute: What a run costs, by family; 6 N D if not given.
        unit: Unit of the losses.
    """
    split = {name: parts for name, rows in families.items() if backtest and (parts := _split(rows))}
    answers = solve_all(
        inside,
        [*families.values(), *(train for train, _ in split.values())],
        [*(targets[name] for name in families), *(test.inputs for _, test in split.values())],
        fixed,
    )
    by_name = dict(zip(families, answers, strict=False))
    of_test = dict(zip(split, answers[len(families) :], strict=True))
    generator = np.random.default_rng(seed)
    frames, parameters, params, draws = [], [], {}, {}
    for name, answer in by_name.items():
        frames.append(_named(name, _points(families[name], targets[name], answer, level)))
        params[name] = _middle(inside, answer)
        draws[name] = draws_of(inside, answer, generator)
        parameters.append(_named(name, quantiles(draws[name], level)))
    return Forecast(
        law=inside.law,
        points=pd.concat(frames, ignore_index=True),
        parameters=pd.concat(parameters, ignore_index=True),
        params=params,
        draws=draws,
        tau={name: float(a.arrays.weight @ a.arrays.tau) for name, a in by_name.items()},
        n_runs={name: rows.runs for name, rows in families.items()},
        n_rows={name: rows.source for name, rows in families.items()},
        backtest={name: _backtest(*split[name], of_test[name], level) for name in split},
        posteriors={name: Posterior.of(inside, families[name], a) for name, a in by_name.items()},
        level=level,
        notes=tuple(_notes(families, by_name)),
        seed=seed,
        compute=compute or dict.fromkeys(families, SIX_N_D),
        unit=unit,
    )


def runs_to_come(at: At, inputs: Sequence[str]) -> dict[str, Floats]:
    """Inputs of the runs to come, (t,) each.

    Raises:
        UsageError: One is missing, or is no number.
    """
    columns: Any = at
    if not isinstance(at, pd.DataFrame | Mapping):
        if any(name not in point for point in at for name in inputs):
            raise UsageError(f"{argument('at')} needs {', '.join(inputs)} of each run.")
        columns = {name: [point[name] for point in at] for name in inputs}
    values = points("at", columns, inputs)
    if not values[inputs[0]].size:
        raise UsageError(f"{argument('at')} needs numbers.")
    return values


def rows_of(table: Table, keep: Any = slice(None)) -> ForecastRows:
    """Rows of a table as a forecast takes them; those of weight zero are left out."""
    used = np.arange(table.n_rows)[keep]
    used = used[table.weight[used] > 0]
    return ForecastRows(
        {name: values[used] for name, values in table.inputs.items()},
        np.log(table.target[used]),
        None if table.cluster is None else table.cluster[used],
        table.weight[used] / table.weight[used].mean(),
    ).joined()


def _inspected(
    data: Any, inside: LawInside | None, by: str | Sequence[str] | None, options: Mapping[str, Any]
) -> Inspection:
    """The table, read for a law or for that which it is for."""
    options = {name: value for name, value in options.items() if value is not None}
    options = with_mapping(options, options.pop("mapping", None))
    grouped = {"source": data} if by is None else group_by(data, by)
    source = grouped.pop("source")
    options |= grouped
    if inside is not None:
        return inspect_table(source, Request(**options | _needs(inside.law, options)))

    def choose(presence: Presence) -> dict[str, Any]:
        choice = _choice(presence)
        return _needs(inside_of(choice.name if choice else None).law, options)

    return inspect_table(source, Request(**options, choose=choose))


def _needs(law: Law, options: Mapping[str, Any]) -> dict[str, Any]:
    """What is read for a law, beside the caller's options."""
    target = target_of(law, options)
    inert = inert_inputs(make_model(law, least_squares().kernel))
    needs = {"inputs": law.inputs, "constant": inert}
    return needs | ({"target": target["target"]} if "target" in target else {})


def _choice(presence: Presence) -> LawChoice | None:
    """The law of a table; None for the field's, of parameters and tokens."""
    choice = law_of_inputs(presence.symbols, presence.constant, presence.source, presence.large)
    return None if choice.name == DEFAULT else choice


def _families(table: Table) -> dict[str, ForecastRows]:
    if table.group is None:
        families = {"": rows_of(table)}
    else:
        families = {
            name: rows_of(table, table.group == k) for k, name in enumerate(table.group_labels)
        }
    if small := [name for name, rows in families.items() if len(rows) < FEWEST_ROWS]:
        raise UsageError(
            f"a forecast needs at least {FEWEST_ROWS} rows: {', '.join(small) or 'the table'}."
        )
    return families


def _split(rows: ForecastRows) -> tuple[ForecastRows, ForecastRows] | None:
    """The rows without the largest fifth by compute, and these; None where too few are left."""
    decades = np.round(rows.ground.places(rows.inputs).compute, _SAME_SIZE)
    try:
        (fold,) = leave_largest(10**decades)
    except UsageError:  # fewer than three sizes
        return None
    last = fold.test
    if rows.run is not None:
        last = np.isin(rows.run, rows.run[last])
    if last.all() or (~last).sum() < FEWEST_ROWS:
        return None
    return rows.take(~last), rows.take(last)


def _backtest(train: ForecastRows, test: ForecastRows, answer: Answer, level: float) -> Backtest:
    """How the largest runs were predicted from the rest."""
    off = test.log_response - answer.log_response
    return Backtest(
        runs=len(off),
        error=float(np.mean(np.abs(np.expm1(-off)))),
        held=int(np.sum(np.abs(off) <= reach_of(train, level) * answer.sd)),
    )


def tail_of(rows: ForecastRows, more: int = 0) -> int | None:
    """Degrees of freedom of Student's t where checkpoints of few runs are the table; else None.

    Args:
        rows: The table.
        more: Runs that are added to it.
    """
    runs = rows.runs + more
    return runs - 2 if rows.run is not None and 3 <= runs < FEW_RUNS else None


def reach_of(rows: ForecastRows, level: float) -> float:
    """Standard deviations to the end of an interval."""
    dof = tail_of(rows)
    if dof is not None:
        return float(t_quantile(level, dof))
    return NormalDist().inv_cdf((1 + level) / 2)


def _points(
    rows: ForecastRows, targets: Mapping[str, Floats], answer: Answer, level: float
) -> pd.DataFrame:
    reach = reach_of(rows, level) * answer.sd
    return pd.DataFrame(
        {
            **targets,
            "loss": np.exp(answer.log_response),
            "lo": np.exp(answer.log_response - reach),
            "hi": np.exp(answer.log_response + reach),
            "sd": answer.sd,
            "decades_beyond": answer.beyond,
        }
    )


def _named(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    if name:
        frame.insert(0, "family", name)
    return frame


def draws_of(
    inside: LawInside, answer: Answer, generator: np.random.Generator
) -> dict[str, Floats]:
    """Draws of the law's parameters: a grid point by its weight, then a normal around its mode."""
    weight, modes = np.asarray(answer.arrays.weight, np.float64), answer.arrays.modes
    place = generator.choice(len(weight), _DRAWS, p=weight / weight.sum())
    factor = np.linalg.cholesky(modes.covariance)
    normal = generator.standard_normal((_DRAWS, modes.theta.shape[1]))
    theta = modes.theta[place] + np.einsum("bij,bj->bi", factor[place], normal)
    return inside.parameters(theta, answer.context)


def _middle(inside: LawInside, answer: Answer) -> dict[str, float]:
    """Parameters at the mean of the coordinates over the grid."""
    theta = answer.arrays.weight @ answer.arrays.modes.theta
    values = inside.parameters(theta[None], answer.context)
    return {name: float(value[0]) for name, value in values.items()}


def _notes(families: Mapping[str, ForecastRows], answers: Mapping[str, Answer]) -> list[str]:
    notes = []
    for name, answer in answers.items():
        rows = families[name]
        of = f"{name}: " if name else ""
        if rows.runs < FEW_RUNS:
            notes.append(
                f"{of}{rows.runs} runs are few: below {FEW_RUNS} a 90 % interval has held 80 %"
            )
        far = float(answer.beyond.max())
        if far > 2:
            notes.append(f"{of}{far:.1f} decades beyond the largest run, where nothing was tested")
        if rows.source > len(rows):
            notes.append(
                f"{of}{rows.source} rows: those of one run and nearly one place count as a mean "
                f"({len(rows)} places)"
            )
        lowered = int(np.sum(answer.weight < 0.5 * rows.weight))
        if lowered:
            notes.append(f"{of}{lowered} of {len(rows)} rows lie far out and were weighed down")
    return notes

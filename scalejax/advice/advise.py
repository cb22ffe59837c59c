"""`advise`: which published recommendations apply to a table of runs, and what each is worth there.

The recommendations are those of Choshen et al. (arXiv:2410.11840), who measured what they are worth
on 485 models. Here that is computed again on the runs at hand, by holding out runs that are larger
than all that are fitted.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Unpack

from scalejax.advice import evidence
from scalejax.advice.advice import Advice
from scalejax.advice.families import families
from scalejax.advice.reading import AdviceRuns, read_runs
from scalejax.advice.recommend import recommend
from scalejax.advice.repeats import find_repeats
from scalejax.advice.worth import expected_error
from scalejax.conclusions import PredictedLoss, conclusion_at
from scalejax.data import Table, TableOptions
from scalejax.engine import ObjectiveLike
from scalejax.errors import UsageError
from scalejax.keywords import keywords
from scalejax.laws import Law, find_law
from scalejax.studies import Recipe, estimate, prepare
from scalejax.vocabulary import argument


@keywords(TableOptions, target="at")
def advise(
    data: Any,
    law: str | Law = "chinchilla",
    *,
    by: str | Sequence[str] | None = None,
    at: Mapping[str, float | str] | None = None,
    plan: bool = False,
    objective: ObjectiveLike = None,
    level: float = 0.95,
    **table_options: Unpack[TableOptions],
) -> Advice:
    """Say what to do with a table of runs before a law is believed.

    Args:
        data: As for `scalejax.fit`.
        law: The law that is to be fitted, with N and D among its inputs.
        by: Column that names the family of a row, or several that name it together.
        at: The model that is to be predicted, ``{"N": 7e10, "D": 1.4e12}``.
        plan: These are runs to come: losses are not looked for, and no law is fitted. A table
            without losses is a plan anyway, unless it has a numeric column that nothing reads,
            which could hold them.
        objective: As for `scalejax.fit`.
        level: Probability of the intervals.
        **table_options: As for `scalejax.fit`; ``run=`` names the model that a row is a checkpoint
            of.

    Returns:
        The advice.

    Raises:
        InputError: The data cannot be used.
        UsageError: The law has no N and D, or `at` lacks one, or is not positive.
    """
    point = _target(at)
    runs, recipe = _read(data, law, by, plan, objective, table_options)
    table, planned = runs.table, runs.planned
    rows = evidence.rolling_targets(table)
    trials = () if planned else evidence.TRIALS
    errors = evidence.held_out_errors(rows, recipe.found, objective, trials)
    repeats = find_repeats(table, runs.frame, planned)
    distance = None if point is None else _distance(table, point)
    plain = errors[errors["trial"] == evidence.PLAIN.name]
    return Advice(
        recommendations=recommend(table, recipe.model, errors, repeats, level, planned),
        expected=None if distance is None else expected_error(errors, distance),
        distance=distance,
        targets=0 if planned else len(rows.groups),
        tested=float(plain.dropna(subset="ARE")["distance"].max()) if len(plain) else 0.0,
        repeats=repeats,
        level=level,
        planned=planned,
    )


@dataclass(frozen=True)
class Workload:
    """What it takes to compute an advice.

    Attributes:
        targets: Runs that are held out.
        problems: Laws to fit.
        skipped: Combinations of a held-out run and a choice of runs that leave nothing new to fit.
        seconds: Time to fit them on this machine.
        compile_seconds: Time to compile.
        memory: Largest memory of this process after a trial, in bytes; None on Windows.
    """

    targets: int = 0
    problems: int = 0
    skipped: int = 0
    seconds: float = 0.0
    compile_seconds: float = 0.0
    memory: int | None = None

    def summary(self) -> str:
        """The same in words."""
        if not self.problems:
            return "No law to fit: there is nothing that can be held out."
        total = self.seconds + self.compile_seconds
        memory = "" if self.memory is None else f" About {self.memory / 2**20:,.0f} MiB of memory."
        return (
            f"{self.problems:,} laws to fit, for {self.targets:,} held-out runs and up to "
            f"{len(evidence.TRIALS)} choices of runs each ({self.skipped:,} combinations have "
            "nothing new to fit).\n"
            f"About {total:.0f} s here, {self.compile_seconds:.0f} s of it to compile (less where "
            f"that is in the cache).{memory}"
        )


@keywords(TableOptions)
def workload(
    data: Any,
    law: str | Law = "chinchilla",
    *,
    by: str | Sequence[str] | None = None,
    plan: bool = False,
    objective: ObjectiveLike = None,
    **table_options: Unpack[TableOptions],
) -> Workload:
    """Count the laws that `advise` would fit, and time a few of them.

    Args:
        data: As for `advise`.
        law: As for `advise`.
        by: As for `advise`.
        plan: As for `advise`.
        objective: As for `advise`.
        **table_options: As for `advise`.

    Raises:
        InputError: The data cannot be used.
        UsageError: The law has no N and D.
    """
    runs, recipe = _read(data, law, by, plan, objective, table_options)
    rows = evidence.rolling_targets(runs.table)
    if runs.planned or not rows:
        return Workload()
    jobs = [
        prepare(study, table) for study, table, _ in evidence.studies(rows, recipe.found, objective)
    ]
    costs = [estimate(job) for job in jobs]
    skipped = sum(int((job.problems.frame()["reason"] != "").sum()) for job in jobs)
    return Workload(
        targets=len(rows.groups),
        problems=sum(len(job.problems) for job in jobs) - skipped,
        skipped=skipped,
        seconds=sum(cost.seconds for cost in costs),
        compile_seconds=sum(cost.shapes * cost.compile_seconds for cost in costs),
        memory=costs[-1].memory,
    )


def _read(
    data: Any,
    law: str | Law,
    by: str | Sequence[str] | None,
    plan: bool,
    objective: ObjectiveLike,
    options: Mapping[str, Any],
) -> tuple[AdviceRuns, Recipe]:
    recipe = Recipe(law, objective)
    inputs = recipe.found.inputs
    if not {"N", "D"} <= {*inputs}:
        raise UsageError(
            f"advice needs a law of N and D; {recipe.found.name} takes {', '.join(inputs)}."
        )
    return read_runs(data, recipe.found, by=by, plan=plan, options=options), recipe


def _target(at: Mapping[str, float | str] | None) -> Mapping[str, float] | None:
    if at is None:
        return None
    if not {"N", "D"} <= at.keys():
        example = '{"N": "70B", "D": "1.4T"}'
        raise UsageError(f"{argument('at')} needs N and D, such as {example}: {dict(at)}.")
    loss = conclusion_at({name: at[name] for name in ("N", "D")}, find_law("chinchilla"))
    assert isinstance(loss, PredictedLoss)
    return dict(loss.point)


def _distance(table: Table, point: Mapping[str, float]) -> float:
    """Decades of compute from the runs to a model, 0 if it lies within."""
    reach = min(family.reach for family in families(table))
    return max(math.log10(point["N"]) + math.log10(point["D"]) - reach, 0.0)

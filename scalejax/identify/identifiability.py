"""The answer in words: `assess_design` before a fit, `assess_estimate` after it.

Without an estimate the law is linearised at its published parameters, or at points all over the
plausible ranges; the point with the best condition counts, so that no runs are refused for a bad
guess.
"""

import math
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from scalejax._arrays import Floats, Ints
from scalejax.errors import InputProblem, UsageError
from scalejax.files import plain as plain_values
from scalejax.identify.causes import find_causes, listed, loadings, plain, trade
from scalejax.identify.jacobians import all_parameters, typical_points
from scalejax.identify.run_set import RunSet
from scalejax.identify.view import View, linearise
from scalejax.quantities import short_number
from scalejax.result import Result
from scalejax.status import CONDITION_LIMIT, WEAK_CONDITION, Status

Verdict = Literal["fine", "weak", "not identified"]

TYPICAL_NOISE = 0.005
"""Standard deviation of the log loss that is assumed before there is a fit. The 240 Chinchilla runs
have 0.003 in the middle and 0.007 with their outliers."""

_WIDTH, _LABEL = 100, 12

_LEAST_EFFECT = 0.01
"""Change of the log loss that each parameter, changed by its own size, makes at a typical point, at
least. By judgement: where a term is negligible, no runs could determine it."""


@dataclass(frozen=True)
class Direction:
    """A direction of the parameters that the runs determine badly.

    Attributes:
        condition: Largest singular value over the one of this direction.
        loadings: Parameters that take part, with their entries in the singular vector.
        words: How far the parameters can move along it without a prediction changing.
    """

    condition: float
    loadings: Mapping[str, float]
    words: str


@dataclass(frozen=True, eq=False, repr=False)
class Identifiability(Result):
    """What a design or a fit can tell about each parameter.

    Attributes:
        condition: Condition of the column-scaled Jacobian.
        verdict: ``"fine"``, ``"weak"`` or ``"not identified"``.
        at: Where the law was linearised, in words.
        parameters: All parameters of the law there.
        singular_values: Singular values of the column-scaled Jacobian, descending, (p,).
        directions: The weak and flat ones, the flattest first.
        identified: Free parameters that are not in a flat direction.
        flat: The other free parameters.
        stderr: Standard errors that least squares would have, by free parameter: of the logarithm
            for those in `logarithmic`. Those of identified parameters leave flat directions out.
        logarithmic: Free parameters whose logarithm is fitted.
        noise: Standard deviation of the residuals that `stderr` assumes.
        remedy: Additional runs (the inputs by name) that bring the condition below 1e3; none if
            there is no need, or no small set of runs is enough.
        draws: Number of resamples of the fit.
        draws_not_identified: How many of them ended with the status of that name.
        problems: E132, E133 and E134 if a parameter is not identified, W217 and W218 if it is
            weakly identified.
    """

    condition: float
    verdict: Verdict
    at: str
    parameters: Mapping[str, float]
    singular_values: Floats
    directions: tuple[Direction, ...]
    identified: tuple[str, ...]
    flat: tuple[str, ...]
    stderr: Mapping[str, float]
    logarithmic: tuple[str, ...]
    noise: float
    remedy: tuple[Mapping[str, float], ...]
    draws: int
    draws_not_identified: int
    problems: tuple[InputProblem, ...]

    @property
    def headline(self) -> str:
        """The verdict in one line."""
        flat = f"; flat: {', '.join(self.flat)}" if self.flat else ""
        return f"{_VERDICT_WORDS[self.verdict]} (condition {plain(self.condition)}){flat}"

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain values, for JSON."""
        described: dict[str, Any] = plain_values(
            {
                "verdict": self.verdict,
                "condition": self.condition,
                "at": self.at,
                "parameters": self.parameters,
                "stderr": self.stderr,
                "identified": self.identified,
                "flat": self.flat,
                "directions": [one.words for one in self.directions],
                "remedy": self.remedy,
                "problems": [vars(problem) for problem in self.problems],
            }
        )
        return described

    def rows(self) -> list[dict[str, Any]]:
        """One per parameter: parameter, value, stderr, logarithmic, identified."""
        return [
            {
                "parameter": name,
                "value": value,
                "stderr": self.stderr.get(name, math.nan),
                "logarithmic": name in self.logarithmic,
                "identified": name not in self.flat,
            }
            for name, value in self.parameters.items()
        ]

    def summary(self) -> str:
        """What a person should read, as plain text."""
        return "\n".join(
            textwrap.fill(
                text,
                _WIDTH,
                initial_indent=label.ljust(_LABEL),
                subsequent_indent=" " * _LABEL,
                break_long_words=False,
            )
            for label, text in self._lines()
        )

    def _lines(self) -> Iterator[tuple[str, str]]:
        yield "verdict", f"{_VERDICT_WORDS[self.verdict]} (condition {plain(self.condition)})"
        yield "seen from", self.at
        for problem in self.problems:
            yield "", str(problem)
        if self.flat:
            yield "flat", ", ".join(self.flat)
            yield "identified", ", ".join(self.identified) or "none"
        for direction in self.directions:
            yield "direction", f"{direction.words} (condition {plain(direction.condition)})"
        errors = ", ".join(
            f"{f'ln {name}' if name in self.logarithmic else name} {plain(error)}"
            for name, error in self.stderr.items()
        )
        yield "stderr", f"{errors} (for noise of sd {plain(self.noise)})"
        if self.draws:
            yield "resamples", f"{self.draws_not_identified} of {self.draws} not identified"


_VERDICT_WORDS = {
    "fine": "all identified",
    "weak": "weakly identified: intervals are wide in some direction",
    "not identified": "not all identified: some direction is flat",
}


def assess_design(
    design: RunSet,
    noise: float = TYPICAL_NOISE,
    columns: Mapping[str, str] | None = None,
    params: Mapping[str, float] | None = None,
    draw_status: Ints | None = None,
) -> Identifiability:
    """What a design tells about the parameters, before there is a fit.

    Args:
        design: The runs.
        noise: Standard deviation of the residual of a run of average weight.
        columns: The user's names of the inputs.
        params: Free parameters at which to linearise; if None, the best typical point.
        draw_status: Status of each resample of a fit, (B,).

    Raises:
        UsageError: The law is not finite there.
    """
    points = typical_points(design) if params is None else {"the given parameters": dict(params)}
    points = {at: all_parameters(design, point) for at, point in points.items()}
    views = dict(zip(points, linearise(design, list(points.values())), strict=True))
    at = _best(views, design.model.law.name)
    status = np.empty(0, np.int64) if draw_status is None else draw_status
    return _answer(views[at], at, noise, columns or {}, status)


def assess_estimate(
    design: RunSet,
    params: Mapping[str, float],
    noise: float,
    columns: Mapping[str, str],
    draw_status: Ints,
) -> Identifiability:
    """What the runs of a fit tell about its parameters, at the estimate.

    Raises:
        UsageError: The law is not finite there.
    """
    (view,) = linearise(design, [dict(params)])
    if not view.finite:
        raise UsageError(f"{design.model.law.name} is not finite at the estimate.")
    return _answer(view, "the estimate", noise, columns, draw_status)


def _best(views: Mapping[str, View], law: str) -> str:
    """The point with the lowest condition, among those where every parameter matters if any."""
    usable = [at for at, view in views.items() if view.finite]
    if not usable:
        raise UsageError(f"{law} is not finite at {listed(views)} for these runs.")
    sound = [at for at in usable if np.min(views[at].effects) >= _LEAST_EFFECT]
    return min(sound or usable, key=lambda at: views[at].condition)


def _answer(
    view: View, at: str, noise: float, columns: Mapping[str, str], status: Ints
) -> Identifiability:
    model = view.design.model
    verdict = _verdict(view.condition)
    flat = view.taking_part(CONDITION_LIMIT)
    badly = np.flatnonzero(view.relative >= WEAK_CONDITION)[::-1]
    remedy = view.remedy() if verdict != "fine" else ()
    return Identifiability(
        condition=view.condition,
        verdict=verdict,
        at=at,
        parameters=view.parameters,
        singular_values=view.singular,
        directions=tuple(
            Direction(float(view.relative[k]), loadings(view, int(k)), trade(view, int(k)))
            for k in badly
        ),
        identified=tuple(name for name in model.free if name not in flat),
        flat=flat,
        stderr=view.stderr(noise),
        logarithmic=tuple(n for n in model.free if model.law.parameters[n].logarithmic),
        noise=noise,
        remedy=remedy,
        draws=len(status),
        draws_not_identified=int(np.sum(status == Status.NOT_IDENTIFIED)),
        problems=_problems(view, verdict, flat, remedy, columns),
    )


def _verdict(condition: float) -> Verdict:
    if condition < WEAK_CONDITION:
        return "fine"
    return "weak" if condition <= CONDITION_LIMIT else "not identified"


def _problems(
    view: View,
    verdict: Verdict,
    flat: tuple[str, ...],
    remedy: tuple[Mapping[str, float], ...],
    columns: Mapping[str, str],
) -> tuple[InputProblem, ...]:
    if verdict == "fine":
        return ()
    names = flat or view.taking_part(WEAK_CONDITION)
    return tuple(
        InputProblem(
            cause.error if flat else cause.warning,
            f"{cause.words}; {_advice(remedy)}",
            columns.get(cause.symbol, cause.symbol) if cause.symbol else None,
        )
        for cause in find_causes(view, names)
    )


def _advice(remedy: tuple[Mapping[str, float], ...]) -> str:
    if not remedy:
        return "a few more runs near these are no cure: fix or tie a parameter, or simplify the law"
    return f"for example add runs at {'; '.join(map(_run, remedy))}"


def _run(run: Mapping[str, float]) -> str:
    words = ", ".join(f"{name}={_amount(value)}" for name, value in run.items())
    if {"N", "D"} <= set(run):
        ratio = run["D"] / run["N"]
        words += f" ({_amount(float(f'{ratio:.2g}'))} tokens per parameter)"
    return words


def _amount(value: float) -> str:
    return short_number(value).replace("e+", "e")

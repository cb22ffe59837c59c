"""The record of one fitted law: its numbers, and what follows from them alone.

`FitRecord` is what intervals, predictions, summaries and files are made from; people hold a
`scalejax.Fit`, which is one with all of these as methods. All arrays are NumPy float64. A draw is
used only if it is a minimum.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from scalejax._arrays import Floats
from scalejax.data import Table
from scalejax.engine import (
    NEWTON_STEPS,
    Asymptotics,
    FitProblem,
    Refits,
    asymptotics,
    open_parameters,
)
from scalejax.errors import UsageError
from scalejax.laws import Law
from scalejax.objectives import Objective, Penalty, is_saved, make_model, prior_of
from scalejax.scope import own_settings
from scalejax.status import MINIMA, Status
from scalejax.vocabulary import argument

_DEFAULT_SOLVER = "damped_newton"
_UNFINISHED = (Status.MAX_STEPS, Status.STALLED, Status.STARTS_DISAGREE, Status.NON_FINITE)
"""Ends at which another solver, or more steps, may get further."""


class Draws(Refits):
    """Refits of the resamples of a fit, with a frame; fields as in `scalejax.engine.Refits`."""

    @classmethod
    def of(cls, refits: Refits) -> "Draws":
        """The same refits as draws."""
        return cls(**vars(refits))

    @classmethod
    def none(cls, law: Law) -> "Draws":
        """The draws of a fit that has none."""
        empty = np.empty(0)
        return cls(dict.fromkeys(law.parameters, empty), np.empty(0, np.int64), empty, "none")

    def to_frame(self) -> pd.DataFrame:
        """One row per draw: number from 1, parameters, objective and status."""
        return pd.DataFrame(
            {
                "draw": np.arange(1, len(self) + 1),
                **self.parameters,
                "objective": self.objective,
                "status": [Status(code).label for code in self.status],
            }
        )


@dataclass(frozen=True, eq=False, repr=False)
class FitRecord:
    """A law fitted to a table, as numbers.

    Attributes:
        law: The law.
        params: All parameters of the law in its units, fixed and tied ones included.
        status: How the fit ended.
        objective_value: Summed objective at the estimate.
        objective: The objective, with the constants that were used.
        noise_scale: Fitted noise scale of the residuals, if the objective has one.
        gradient: Largest scaled gradient.
        condition: Condition of the column-scaled Jacobian.
        starts: Independent starts tried.
        agreeing: Starts that reached the best objective.
        on_bound: Parameters that lie on a bound.
        draws: Refits of resamples; none without resamples.
        table: The data, with the rows set aside.
        settings: The arguments of the fit, as plain values.
        versions: Versions of the software, and the device.
        penalty: Function of the parameters that was added to the objective; not saved.
    """

    law: Law
    params: dict[str, float]
    status: Status
    objective_value: float
    objective: Objective
    noise_scale: float | None
    gradient: float
    condition: float
    starts: int
    agreeing: int
    on_bound: tuple[str, ...]
    draws: Draws
    table: Table
    settings: dict[str, Any]
    versions: dict[str, str]
    penalty: Penalty | None = None

    @property
    def free(self) -> tuple[str, ...]:
        """Parameters that were fitted."""
        constants = {*self.settings["fixed"], *self.settings["tied"]}
        return tuple(name for name in self.params if name not in constants)

    @cached_property
    def problem(self) -> FitProblem:
        """The problem that was minimised, for whoever solves it again.

        Raises:
            UsageError: It holds functions of your own that are not saved with a fit.
        """
        settings = self.settings
        if settings["penalty"] and self.penalty is None:
            raise UsageError("a penalty of your own is not saved with a fit: fit again with it.")
        model = make_model(
            self.law,
            self.objective.kernel,
            fixed=settings["fixed"],
            tied=settings["tied"],
            penalty=self.penalty,
            empty=True,
        )
        return FitProblem(
            model,
            self.objective,
            self.table,
            fixed=settings["fixed"],
            bounds={name: (low, high) for name, (low, high) in settings["bounds"].items()},
            priors={name: prior_of(saved) for name, saved in settings["priors"].items()},
        )

    @cached_property
    def asymptotics(self) -> Asymptotics:
        """The problem linearised at the estimate."""
        u = self.problem.coordinates(self.params, self.noise_scale)
        # Where runs leave a direction open, an estimate on a bound looks determined and is not.
        unknown = self.status == Status.NOT_IDENTIFIED
        names = open_parameters(self.problem) if unknown else ()
        return asymptotics(self.problem, u, self.on_bound, self.table.cluster, names)

    @property
    def is_whole(self) -> bool:
        """Whether it can be solved again: functions of your own are not saved with a fit."""
        lost_penalty = self.settings["penalty"] and self.penalty is None
        return not lost_penalty and is_saved(self.objective)

    @property
    def flat(self) -> tuple[str, ...]:
        """Free parameters that the data do not determine; they get no interval."""
        unknown = self.status == Status.NOT_IDENTIFIED and self.is_whole
        return self.asymptotics.flat if unknown else ()

    @property
    def residuals(self) -> Floats:
        """Predicted minus observed per row of the table, of log loss or loss, (n,)."""
        predicted = self.curve(self.table.inputs, self.params)
        if self.objective.kernel.log:
            return np.log(predicted) - np.log(self.table.target)
        return predicted - self.table.target

    @property
    def sentence(self) -> str:
        """How the fit ended and what to do about it, of what was not done already."""
        text, solver = self.status.sentence, self.settings.get("solver", _DEFAULT_SOLVER)
        if self.status not in _UNFINISHED:
            return text
        if solver != _DEFAULT_SOLVER:
            return f"{text} The default {argument('solver')} may get further than {solver}."
        steps = self.settings.get("max_steps") or NEWTON_STEPS
        if self.status == Status.MAX_STEPS and steps < NEWTON_STEPS:
            return f"{text} {argument('max_steps', steps)} is less than the default {NEWTON_STEPS}."
        return text

    @property
    def has_estimate(self) -> bool:
        """Whether all parameters are finite, whatever the status."""
        return all(np.isfinite(value) for value in self.params.values())

    @property
    def is_minimum(self) -> bool:
        """Whether the estimate is a certified minimum, inside the bounds or on one."""
        return self.status in MINIMA

    @property
    def fully_converged(self) -> bool:
        """Whether the estimate and every draw converged."""
        return self.status == Status.CONVERGED and bool(np.all(self.draws.converged))

    def curve(self, points: Mapping[str, Floats], parameters: Mapping[str, Any]) -> Floats:
        """The law at points (...) with parameters that broadcast against them."""
        with own_settings():
            values = self.law(*(points[name] for name in self.law.inputs), **parameters)
            return np.asarray(values, np.float64)

"""`Fit`: the frozen record of one fitted law. Numbers only; printing and plotting live elsewhere.

All arrays are NumPy float64. A fit with failed or few draws says so: intervals carry the number
of draws that were asked for and that were used; a draw is used only if it is a minimum.
"""

import html
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from scalejax.data import Table
from scalejax.errors import UsageError
from scalejax.fitting.asymptotics import Asymptotics, CovarianceKind, asymptotics
from scalejax.fitting.gate import left_open
from scalejax.fitting.intervals import (
    Derived,
    IntervalKind,
    check_level,
    derived_interval,
    parameter_intervals,
)
from scalejax.fitting.prediction import predict
from scalejax.fitting.problem import Problem
from scalejax.laws import Law
from scalejax.objectives import Objective, make_model, prior_of
from scalejax.objectives.losses import not_saved
from scalejax.objectives.model import Penalty
from scalejax.status import MINIMA, Status

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Draws:
    """Refits of resamples.

    Attributes:
        parameters: All parameters of the law, (B,) each.
        status: Status codes, (B,).
        objective: Objective of each refit on its own resample, (B,).
        method: How rows were resampled.
    """

    parameters: Mapping[str, Floats]
    status: NDArray[np.int64]
    objective: Floats
    method: str

    def __len__(self) -> int:
        return len(self.status)

    @property
    def converged(self) -> NDArray[np.bool_]:
        """Which draws converged, (B,)."""
        return self.status == Status.CONVERGED

    @property
    def usable(self) -> NDArray[np.bool_]:
        """Which draws are minima, inside the bounds or on one, (B,).

        Leaving out the minima on a bound would cut the tail of every interval.
        """
        return np.isin(self.status, MINIMA)

    def arrays(self) -> dict[str, Floats]:
        """Usable draws as a pytree of arrays, ready for ``vmap``."""
        return {name: values[self.usable] for name, values in self.parameters.items()}

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


@dataclass(frozen=True, eq=False)
class Fit:
    """A law fitted to a table.

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
        draws: Refits of resamples; none without a bootstrap.
        table: The data, with the rows set aside.
        settings: What was asked for, as plain values.
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
        held = {*self.settings["fixed"], *self.settings["tied"]}
        return tuple(name for name in self.params if name not in held)

    @property
    def stderr(self) -> dict[str, float]:
        """Standard error per parameter: of the draws, or asymptotic without any."""
        return {str(name): float(value) for name, value in self.conf_int()["stderr"].items()}

    @property
    def cov(self) -> pd.DataFrame:
        """Asymptotic covariance of the free parameters in their own units, (p, p).

        Classical for independent rows, the cluster sandwich for clusters; NaN for parameters on a
        bound or in a flat direction.
        """
        kind: CovarianceKind = "wald" if self.table.cluster is None else "sandwich"
        scale = self.asymptotics.scale
        matrix = self.asymptotics.covariance(kind) * np.outer(scale, scale)
        return pd.DataFrame(matrix, index=self.asymptotics.names, columns=self.asymptotics.names)

    @cached_property
    def problem(self) -> Problem:
        """What was minimised, to be solved again in another way.

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
        )
        return Problem(
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
        names = left_open(self.problem) if unknown else ()
        return asymptotics(self.problem, u, self.on_bound, self.table.cluster, names)

    @property
    def is_whole(self) -> bool:
        """Whether it can be solved again: functions of your own are not saved with a fit."""
        lost_penalty = self.settings["penalty"] and self.penalty is None
        return not lost_penalty and self.objective.kernel.rho is not not_saved

    @property
    def flat(self) -> tuple[str, ...]:
        """Free parameters that the data do not determine; they get no interval."""
        return self.asymptotics.flat if self.status == Status.NOT_IDENTIFIED else ()

    @property
    def residuals(self) -> Floats:
        """Predicted minus observed per row of the table, of log loss or loss, (n,)."""
        predicted = self.curve(self.table.inputs, self.params)
        if self.objective.kernel.log:
            return np.log(predicted) - np.log(self.table.target)
        return predicted - self.table.target

    @property
    def fully_converged(self) -> bool:
        """Whether the estimate and every draw converged."""
        return self.status == Status.CONVERGED and bool(np.all(self.draws.converged))

    def conf_int(self, level: float = 0.95, kind: IntervalKind | None = None) -> pd.DataFrame:
        """Intervals of the parameters.

        Args:
            level: Probability between the ends.
            kind: ``"percentile"``, ``"basic"``, ``"wald"``, ``"sandwich"`` or ``"jackknife"``, see
                `scalejax.fitting.intervals`; what suits the fit if not given.

        Returns:
            Indexed by parameter: estimate, stderr, lo, hi, level, method, b_asked, b_used.

        Raises:
            UsageError: The method does not go with the draws.
        """
        check_level(level)
        return parameter_intervals(self, level, kind)

    def interval(
        self, function: Derived, level: float = 0.95, kind: IntervalKind | None = None
    ) -> pd.DataFrame:
        """Interval of anything computed from the parameters.

        Args:
            function: Pure JAX function of the dictionary of parameters; gives () or (k,).
            level: Probability between the ends.
            kind: As for `conf_int`.

        Returns:
            One row per element: estimate, stderr, lo, hi, level, method, b_asked, b_used.
        """
        check_level(level)
        return derived_interval(self, function, level, kind)

    def to_frame(self, level: float = 0.95) -> pd.DataFrame:
        """Tidy frame, one row per parameter: what `conf_int` gives, with law, n and status."""
        frame = self.conf_int(level).reset_index()
        frame.insert(0, "law", self.law.name)
        frame["n"] = self.table.n_rows
        frame["n_clusters"] = len(self.table.cluster_labels) or self.table.n_rows
        frame["status"] = self.status.label
        return frame

    def predict(
        self,
        inputs: pd.DataFrame | Mapping[str, ArrayLike],
        level: float = 0.95,
        *,
        discrepancy: float | None = None,
    ) -> pd.DataFrame:
        """Predict the loss of new runs.

        Args:
            inputs: The law's inputs by name, in raw units; scalars broadcast.
            level: Probability of the intervals.
            discrepancy: Relative standard deviation by which the law itself may be wrong, for
                each decade beyond the data; 0.005 is 0.5 % a decade. Taken as zero, with a warning
                for points more than a decade beyond, if not declared.

        Returns:
            The inputs, loss, ``lo`` and ``hi`` for a new run (curve, noise and discrepancy),
            ``curve_lo`` and ``curve_hi`` for the curve alone, level, method, discrepancy,
            decades_beyond (in the farthest input, or in compute 6ND) and inside_hull.

        Raises:
            UsageError: An input is missing.
        """
        return predict(self, inputs, level, discrepancy)

    def curve(self, points: Mapping[str, Floats], parameters: Mapping[str, Any]) -> Floats:
        """The law at points (...) with parameters that broadcast against them."""
        with jax.enable_x64(True):
            values = self.law(*(points[name] for name in self.law.inputs), **parameters)
            return np.asarray(values, np.float64)

    def summary(self, level: float = 0.95) -> str:
        """What a person should read, as plain text: the verdict first, then the numbers."""
        from scalejax.fitting.summary import summarise

        return summarise(self, level)

    def save(self, folder: str | Path, about: Mapping[str, Any] | str | Path | None = None) -> Path:
        """Write the fit to a folder of JSON and Parquet, see `scalejax.fitting.storage`.

        Args:
            folder: Where to; made if need be.
            about: Your answers to the reporting checklist in its ``manifest.json``, by question:
                a mapping, or a TOML file.
        """
        from scalejax.fitting.storage import save_fit

        return save_fit(self, folder, about)

    @staticmethod
    def load(folder: str | Path, law: str | Law | None = None) -> "Fit":
        """Read a saved fit; `law` is needed for a law of your own that is not imported yet."""
        from scalejax.fitting.storage import load_fit

        return load_fit(folder, law)

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>"

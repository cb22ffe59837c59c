"""`Fit`: one fitted law with its intervals, predictions, summary and files.

Plots are in `scalejax.plots`, reports in `scalejax.reporting`. Intervals carry the number of draws
that were asked for and that were used, so that few or failed draws show.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from scalejax.engine import CovarianceKind
from scalejax.files import plain
from scalejax.fitting.intervals import (
    Derived,
    IntervalKind,
    derived_interval,
    parameter_intervals,
)
from scalejax.fitting.outlook import forecast
from scalejax.fitting.plain import describe
from scalejax.fitting.prediction import predict
from scalejax.fitting.record import FitRecord
from scalejax.fitting.storage import read_fit, save_fit
from scalejax.fitting.summary import summarise
from scalejax.forecasting import At, Forecast
from scalejax.laws import Law
from scalejax.resampling import check_level
from scalejax.result import Result
from scalejax.wording import digits


@dataclass(frozen=True, eq=False, repr=False)
class Fit(FitRecord, Result):
    """A law fitted to a table; its numbers are those of `scalejax.fitting.record.FitRecord`."""

    @property
    def stderr(self) -> dict[str, float]:
        """Standard error per parameter, by the default method of `conf_int`."""
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

    def conf_int(self, level: float = 0.95, kind: IntervalKind | None = None) -> pd.DataFrame:
        """Intervals of the parameters.

        Args:
            level: Probability between the ends.
            kind: ``"percentile"``, ``"basic"``, ``"wald"``, ``"sandwich"`` or ``"jackknife"``, see
                `scalejax.fitting.intervals`; what suits the fit if not given.

        Returns:
            Indexed by parameter: estimate, stderr, lo, hi, level, method, b_asked, b_used, and the
            reason where there is no interval. Ends do not leave the parameter's support.

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
            One row per element: estimate, stderr, lo, hi, level, method, b_asked, b_used, reason.
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
        discrepancy: float | str | None = None,
    ) -> pd.DataFrame:
        """Predict the loss of new runs.

        The loss and its interval are the forecast's, which allows for the law being wrong as far as
        the runs say that it is (see `forecast`). Until version 0.2 they were those of the law
        alone: ``discrepancy="none"`` gives these.

        Args:
            inputs: The law's inputs by name, in raw units; scalars broadcast.
            level: Probability of the intervals.
            discrepancy: Believe the law instead: ``"none"``, or the relative standard deviation by
                which it may be wrong for each decade beyond the data; 0.005 is 0.5 % a decade.
                A fit that cannot be forecast (a penalty of your own, a response that is not
                positive) takes none, and warns for points more than a decade beyond.

        Returns:
            The inputs, loss, ``lo`` and ``hi`` for a new run, ``curve`` with ``curve_lo`` and
            ``curve_hi`` of the law alone, level, method, discrepancy (declared for each decade; of
            a forecast the share of a loss by which the law bends), decades_beyond (in the farthest
            input, or in compute 6ND) and inside_hull.

        Raises:
            UsageError: An input is missing.
        """
        return predict(self, inputs, level, discrepancy)

    def forecast(self, at: At | None = None, level: float = 0.95, *, seed: int = 0) -> Forecast:
        """Forecast the losses of runs to come, with the error of the law inside the interval.

        As `scalejax.forecast` on the rows of the fit, with its law inside (of Chinchilla's family
        the one with an outer exponent) and what it holds fixed, tied or known beforehand.

        Args:
            at: The runs to come, as for `scalejax.forecast`; if not given, runs of 10 and 100 times
                the largest compute, along the ratio of the largest run.
            level: Probability of the intervals.
            seed: Seed of the draws of the parameters.

        Returns:
            The forecast.

        Raises:
            UsageError: An input is missing, or the fit cannot be forecast; why, in words.
        """
        return forecast(self, at, level, seed)

    def summary(self, level: float = 0.95) -> str:
        """What a person should read, as plain text: the verdict first, then the numbers."""
        return summarise(self, check_level(level))

    def save(self, folder: str | Path, about: Mapping[str, Any] | str | Path | None = None) -> Path:
        """Write the fit to a folder of JSON and Parquet, see `scalejax.fitting.storage`.

        Args:
            folder: Where to; made if need be.
            about: Your answers to the reporting checklist in its ``manifest.json``, by question:
                a mapping, or a TOML file.
        """
        return save_fit(self, folder, about)

    @classmethod
    def load(cls, folder: str | Path, law: str | Law | None = None) -> "Fit":
        """Read a saved fit, see `scalejax.load_fit`."""
        record = read_fit(folder, law)
        return cls(**{field.name: getattr(record, field.name) for field in fields(record)})

    @property
    def headline(self) -> str:
        """Law, rows, status and parameters in one line."""
        values = ", ".join(f"{name} {digits(value, 4)}" for name, value in self.params.items())
        return f"{self.law.name}, {self.table.n_rows} rows, {self.status}: {values}"

    def to_dict(self, level: float = 0.95) -> dict[str, Any]:
        """What ``fit.json`` holds, and the intervals, as plain values."""
        frame = self.conf_int(level)
        columns = ["estimate", "stderr", "lo", "hi", "reason"]
        values: dict[str, Any] = plain(
            {
                **describe(self),
                "intervals": {
                    "level": level,
                    "method": str(frame["method"].iloc[0]),
                    "parameters": frame[columns].to_dict(orient="index"),
                },
            }
        )
        return values


def load_fit(folder: str | Path, law: str | Law | None = None) -> Fit:
    """Read a fit that `Fit.save` wrote.

    Args:
        folder: The folder.
        law: The law, if it is your own and its module is not imported yet: the `Law`,
            ``module:name`` or ``file.py:name``.

    Returns:
        The fit as it was saved, bit for bit. An objective of your own keeps its name only.

    Raises:
        ScalejaxError: A file is missing, damaged, of a newer version, or belongs to another fit.
        LawError: The law is needed, or is not the one that was fitted.
    """
    return Fit.load(folder, law)

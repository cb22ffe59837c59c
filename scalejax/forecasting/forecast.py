"""`Forecast`: losses of runs to come, with intervals that the law's own error is part of."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from scalejax._arrays import Floats
from scalejax.compute import SIX_N_D, Compute, saved_compute
from scalejax.errors import ScalejaxError, UsageError
from scalejax.files import DAMAGE, damaged, plain
from scalejax.forecasting import storage
from scalejax.forecasting.posterior import Posterior
from scalejax.laws import Law, describe_law, law_of
from scalejax.quantities import LOSS, short_number
from scalejax.result import Result
from scalejax.wording import aligned, digits, labelled

_BY_FAMILY = ("params", "draws", "tau", "n_runs", "n_rows", "backtest", "posteriors")
"""Fields of a forecast that are by family."""


@dataclass(frozen=True)
class Backtest:
    """The largest runs predicted from the rest.

    Attributes:
        runs: How many were held out.
        error: Mean of |predicted / observed - 1| over them.
        held: How many of them lay inside their interval.
    """

    runs: int
    error: float
    held: int

    def sentence(self, level: float) -> str:
        """What was found, after a word such as "predicting"."""
        return (
            f"{self.runs} largest runs from the rest: {100 * self.error:.2g} % off, "
            f"{100 * level:g} % interval held {self.held} of {self.runs}"
        )


@dataclass(frozen=True, eq=False, repr=False)
class Forecast(Result):
    """Losses of runs to come.

    Attributes:
        law: The law inside.
        points: One row per run to come: family (if there are several), the inputs, loss, lo, hi,
            sd (of the log loss), decades_beyond (of compute, beyond the largest run).
        parameters: One row per parameter of the law, with the discrepancy integrated: family,
            parameter, estimate (median), lo, hi.
        params: The law's parameters by family, at the mean of their coordinates over the grid.
        draws: Draws of the parameters from the posterior, by family: (B,) each.
        tau: Size of the discrepancy by family: the share of a loss by which the law bends.
        n_runs: Independent runs behind it, by family.
        n_rows: Rows behind it, by family.
        backtest: The largest runs predicted from the rest, by family; none where too few.
        posteriors: What is known of any other run, by family: what a design rests on. A forecast
            that was loaded has none, as the runs are not in its files.
        level: Probability of the intervals.
        notes: What a reader should know.
        seed: Seed of the draws.
        compute: What a run costs, by family, as `Table.compute` has it.
        unit: Unit of the losses; empty if unknown.
    """

    law: Law
    points: pd.DataFrame
    parameters: pd.DataFrame
    params: Mapping[str, Mapping[str, float]]
    draws: Mapping[str, Mapping[str, Floats]]
    tau: Mapping[str, float]
    n_runs: Mapping[str, int]
    n_rows: Mapping[str, int]
    backtest: Mapping[str, Backtest]
    posteriors: Mapping[str, Posterior]
    level: float
    notes: tuple[str, ...]
    seed: int
    compute: Mapping[str, Compute | None]
    unit: str = LOSS.unit

    @property
    def headline(self) -> str:
        """The first loss with its interval, and how many others there are."""
        first = self.points.iloc[0]
        more = f", and {len(self.points) - 1} more" if len(self.points) > 1 else ""
        place = ", ".join(f"{name}={short_number(first[name])}" for name in self.law.inputs)
        what = self.law.response.symbol
        return (
            f"{what} {first['loss']:.4g} ({first['lo']:.4g} to {first['hi']:.4g}) at {place}{more}"
        )

    def family(self, name: str) -> "Forecast":
        """The forecast of one of the families, as `scalejax.plan` and `scalejax.design` take it.

        Raises:
            UsageError: There is no such family.
        """
        if name not in self.params:
            names = ", ".join(self.params)
            there = f"there are {names}" if names else "the forecast is of one table"
            raise UsageError(f"there is no family {name!r}; {there}.")
        if len(self.params) == 1:
            return self
        points, parameters = (
            frame[frame["family"] == name].reset_index(drop=True)
            for frame in (self.points, self.parameters)
        )

        by_family: dict[str, Any] = {field: getattr(self, field) for field in _BY_FAMILY}
        own: dict[str, Any] = {
            field: {name: values[name]} if name in values else {}
            for field, values in by_family.items()
        }
        return replace(
            self,
            points=points,
            parameters=parameters,
            **own,
            notes=tuple(note for note in self.notes if note.startswith(f"{name}: ")),
        )

    def to_frame(self) -> pd.DataFrame:
        """Tidy frame, one row per run to come: `points`."""
        return self.points

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain values, without the draws."""
        values: dict[str, Any] = plain(self._record() | {"law": self.law.name})
        return values

    def _record(self) -> dict[str, Any]:
        """All of it but the draws."""
        return {
            "law": describe_law(self.law),
            "points": self.points.to_dict("records"),
            "parameters": self.parameters.to_dict("records"),
            "params": self.params,
            "tau": self.tau,
            "runs": self.n_runs,
            "rows": self.n_rows,
            "backtest": {name: vars(test) for name, test in self.backtest.items()},
            "level": self.level,
            "notes": self.notes,
            "seed": self.seed,
            "compute": {name: one and list(one) for name, one in self.compute.items()},
            "unit": self.unit,
        }

    def save(self, folder: str | Path) -> Path:
        """Write the forecast to a folder of JSON and Parquet, for `scalejax.load_forecast`.

        Args:
            folder: Where to; made if need be.

        Returns:
            The folder.

        Raises:
            UsageError: The folder holds something else.
            DiskError: The folder cannot be written.
        """
        return storage.write(self._record(), self.draws, folder)

    @classmethod
    def load(cls, folder: str | Path, law: str | Law | None = None) -> "Forecast":
        """Read a saved forecast, see `scalejax.load_forecast`."""
        try:
            saved, draws = storage.read(folder)
            return cls(
                law=law_of(saved["law"], law, "forecast"),
                points=pd.DataFrame(saved["points"]),
                parameters=pd.DataFrame(saved["parameters"]),
                params=saved["params"],
                draws=draws,
                tau=saved["tau"],
                n_runs=saved["runs"],
                n_rows=saved["rows"],
                backtest={name: Backtest(**test) for name, test in saved["backtest"].items()},
                posteriors={},
                level=saved["level"],
                notes=tuple(saved["notes"]),
                seed=saved["seed"],
                # A forecast of before has none.
                compute={
                    name: saved_compute(saved.get("compute", {}).get(name, SIX_N_D))
                    for name in saved["params"]
                },
                unit=saved.get("unit", LOSS.unit),
            )
        except (OSError, *DAMAGE) as error:
            if isinstance(error, ScalejaxError):
                raise
            raise damaged(folder, "forecast", repr(error)) from error

    def summary(self) -> str:
        """What a person should read: the losses first, then what they rest on."""
        shown = [str(name) for name in self.points if name != "sd"]
        rows = [
            [str(v) if isinstance(v, str) else _cell(n, v) for n, v in zip(shown, row, strict=True)]
            for row in self.points[shown].itertuples(index=False)
        ]
        lines = [*aligned([*shown, ""], [[*row, ""] for row in rows]), ""]
        lines.append(
            f"{100 * self.level:g} % intervals of a new run: the law's parameters, how far the law "
            "bends, noise."
        )
        if self.unit and self.unit != LOSS.unit:
            lines.append(labelled("unit", f"{self.law.response.meaning} in {self.unit}"))
        for name, test in self.backtest.items():
            lines.append(labelled(*_tested(name, test, self.level)))
        for name, tau in self.tau.items():
            text = f"the law bends by about {100 * tau:.2g} % of a loss; {self.n_runs[name]} runs"
            lines.append(labelled("rests on", f"{f'{name}: ' if name else ''}{text}"))
        lines += [labelled("note", note) for note in self.notes]
        return "\n".join(lines)


def load_forecast(folder: str | Path, law: str | Law | None = None) -> Forecast:
    """Read a forecast that `Forecast.save` wrote.

    Args:
        folder: The folder.
        law: The law inside, if it is your own and its module is not imported yet: the `Law`,
            ``module:name`` or ``file.py:name``.

    Returns:
        The forecast as it was saved, draws included, bit for bit.

    Raises:
        ScalejaxError: A file is missing, damaged, or of a newer version.
        LawError: The law is needed, or is not the one inside the forecast.
    """
    return Forecast.load(folder, law)


def _tested(name: str, test: Backtest, level: float) -> tuple[str, str]:
    of = f"{name}: " if name else ""
    return "backtest", f"{of}predicting your {test.sentence(level)}"


def _cell(name: str, value: float) -> str:
    if name in ("loss", "lo", "hi"):
        return digits(value, 5)
    if name == "decades_beyond":
        return f"{value:.1f}"
    return short_number(value)


def quantiles(draws: Mapping[str, Floats], level: float) -> pd.DataFrame:
    """Median and interval of each parameter."""
    rows = []
    for name, values in draws.items():
        low, middle, high = np.quantile(values, [(1 - level) / 2, 0.5, (1 + level) / 2])
        rows.append({"parameter": name, "estimate": middle, "lo": low, "hi": high})
    return pd.DataFrame(rows)

"""The record of a selection: laws, folds, and every law's errors and densities on them.

People hold a `scalejax.selection.Selection`, which adds the ranking, predictions and text.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scalejax._arrays import Floats
from scalejax.compute import SIX_N_D
from scalejax.data import Table
from scalejax.fitting import Fit
from scalejax.folds import Fold
from scalejax.laws import Law
from scalejax.status import Status

SPARE_ROWS = 1
"""Runs that a plain fit needs beyond the number of parameters: with none every law meets them
exactly."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """One law of a selection.

    Attributes:
        law: The law.
        options: Arguments of `scalejax.fit` for it.
        fit: Its fit to all runs; the draws are its refits of all folds and resamples. None if the
            law could not be fitted.
        reason: Why it could not be fitted, or an empty text.
        density: ln density of ln response of what was held out, under the forecast with the law
            inside, (folds, n) and NaN for other rows; None if there is no such forecast.
        unforeseen: Why there is none, or an empty text.
    """

    law: Law
    options: Mapping[str, Any]
    fit: Fit | None
    reason: str
    density: Floats | None
    unforeseen: str


@dataclass(frozen=True, eq=False, repr=False)
class SelectionRecord:
    """Laws compared on the same runs.

    Attributes:
        table: The runs.
        candidates: The laws, in the order of the call.
        folds: Which runs were held out, and which trained; the same for all laws.
        multipliers: Common weights of the rows, (1 + resamples, n), the first all ones.
        axis: Input along which runs were held out.
        size: Its values, (n,).
        seed: Seed of the resamples.
        criterion: By what laws are ranked.
        notes: What was left out.
    """

    table: Table
    candidates: tuple[Candidate, ...]
    folds: tuple[Fold, ...]
    multipliers: Floats
    axis: str
    size: Floats
    seed: int
    criterion: str
    notes: tuple[str, ...]

    @cached_property
    def fits(self) -> dict[str, Fit]:
        """The fits of the laws that have one."""
        return {c.law.name: c.fit for c in self.candidates if c.fit is not None}

    @cached_property
    def tested(self) -> float:
        """Decades along the axis to the farthest run that was held out."""
        return max(float(fold.distance[fold.test].max()) for fold in self.folds)

    @cached_property
    def held_out(self) -> Floats:
        """Weight of each held-out prediction, (folds, n); zero for other rows."""
        return np.stack([fold.test for fold in self.folds]) * self.table.weight

    @cached_property
    def densities(self) -> dict[str, Floats]:
        """Log density of every held-out prediction by law, (folds, n); laws that have all."""
        used = self.held_out > 0
        return {
            c.law.name: np.where(used, c.density, 0.0)
            for c in self.candidates
            if c.density is not None and np.isfinite(c.density[used]).all()
        }

    def parameters(self, fit: Fit) -> dict[str, Floats]:
        """Parameters of all blocks, (1 + folds, 1 + resamples); NaN where a refit is no minimum."""
        usable = self._blocks(fit.draws.usable) & ~self._too_few(fit)[:, None]
        return {
            name: np.where(usable, self._blocks(values), np.nan)
            for name, values in fit.draws.parameters.items()
        }

    def _blocks(self, values: NDArray[Any]) -> NDArray[Any]:
        """Draws (B,) as (1 + folds, 1 + resamples): all runs first."""
        return values.reshape(1 + len(self.folds), len(self.multipliers))

    def _too_few(self, fit: Fit) -> NDArray[np.bool_]:
        """Whether a block has too few runs for the free parameters, (1 + folds,)."""
        runs = [int(fold.train.sum()) for fold in self.folds]
        return np.array([False, *(n < len(fit.free) + SPARE_ROWS for n in runs)])

    @cached_property
    def relative(self) -> dict[str, Floats]:
        """Prediction / observation - 1 by law, (folds, 1 + resamples, n)."""
        points = {name: values[None, None] for name, values in self.table.inputs.items()}
        errors = {}
        for name, fit in self.fits.items():
            parameters = {key: v[1:, :, None] for key, v in self.parameters(fit).items()}
            errors[name] = fit.curve(points, parameters) / self.table.target - 1
        return errors

    @cached_property
    def errors_by_fold(self) -> dict[str, Floats]:
        """Mean held-out error of every fold by law, (folds, 1 + resamples)."""
        weight = self.held_out[:, None, :] * self.multipliers[None]
        weight /= weight.sum(2, keepdims=True)
        return {
            name: np.sum(np.where(weight > 0, np.abs(error), 0.0) * weight, 2)
            for name, error in self.relative.items()
        }

    @cached_property
    def shared(self) -> NDArray[np.bool_]:
        """Folds in which every law's plain fit ended well, (folds,); of those with any such fold.

        All, where no fold is so for every law.
        """
        sound = [np.isfinite(error[:, 0]) for error in self.errors_by_fold.values()]
        both = np.all([one for one in sound if one.any()], 0) & np.ones(len(self.folds), bool)
        return both if both.any() else np.ones(len(self.folds), bool)

    def along(self, inputs: Mapping[str, Floats]) -> Floats:
        """Values of the axis at runs; NaN where it is not known of them."""
        return with_compute(inputs).get(self.axis, np.array(np.nan))

    def note(self, candidate: Candidate) -> str:
        """What is to be said of a law: why it has no fit, or no forecast, and in which folds."""
        words = []
        if candidate.density is None:
            words.append(f"no forecast: {candidate.unforeseen}")
        elif candidate.law.name not in self.densities:
            words.append("the density of its forecast is not a number in some fold")
        if candidate.fit is None:
            words.append(f"no plain fit: {candidate.reason}")
        else:
            status = candidate.fit.status
            if status != Status.CONVERGED:
                words.append(f"plain fit to all runs: {status.label}")
            words += self._failures(candidate.fit)
        return "; ".join(" ".join(word.split()).rstrip(".") for word in words)

    def _failures(self, fit: Fit) -> Iterable[str]:
        """Folds in which the plain fit failed, by the reason."""
        usable, status = self._blocks(fit.draws.usable), self._blocks(fit.draws.status)
        few = self._too_few(fit)
        folds = defaultdict(list)
        for place, fold in enumerate(self.folds, 1):
            if few[place]:
                folds[f"too few runs for {len(fit.free)} parameters"].append(fold.name)
            elif not usable[place, 0]:
                folds[Status(int(status[place, 0])).label].append(fold.name)
        for why, names in folds.items():
            yield f"no plain fit without {', '.join(names)}: {why}"


def with_compute(inputs: Mapping[str, Floats]) -> dict[str, Floats]:
    """Inputs with compute, 6 N D, where it is not among them."""
    if "C" in inputs or not {"N", "D"} <= inputs.keys():
        return dict(inputs)
    return {**inputs, "C": SIX_N_D.flop(inputs["N"], inputs["D"])}

"""What a design tells about the parameters of a law: its flat directions, and a remedy.

`linearise` gives a `View` of a design from one point of the parameters: the singular values of the
column-scaled Jacobian of the residuals, in the coordinates of the fit. Scaling the columns makes
the condition independent of the scale of a coordinate, so that ln A and A, or ln alpha and alpha,
give the same; N and D stay in raw units, as in the fit. `View.remedy` searches for runs to add.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from scalejax._arrays import Floats
from scalejax.identify.jacobians import coordinates, jacobians, losses
from scalejax.identify.run_set import RunSet
from scalejax.laws import positive
from scalejax.objectives import Model
from scalejax.status import CONDITION_LIMIT, WEAK_CONDITION

LEAST_SHARE = 1e-3
"""Squared entry of a singular vector from which a parameter takes part in its direction: 3 % of its
length. Set by judgement."""

# Set by judgement, for runs and words that help; no verdict depends on them.
_COMFORTABLE = 0.5 * WEAK_CONDITION  # A remedy that cures with room to spare is preferred.
_ROUNDS = 3  # Pairs that are added before no remedy is offered: more is a new sweep.
_STEP = 0.1  # How far a walk along a direction moves a parameter, relatively.
_EFFECT = 0.03  # Change of a loss at which the walk ends: further on, what is flat would bend.
_CURE = 100.0  # Factor by which the condition has to fall to be called cured.


@dataclass(frozen=True, eq=False)
class View:
    """A design seen from one point of the parameters.

    Attributes:
        design: The runs.
        parameters: All parameters of the law.
        triangle: Triangular factor of the weighted Jacobian, (p, p); what more runs are added to.
    """

    design: RunSet
    parameters: dict[str, float]
    triangle: Floats

    @property
    def finite(self) -> bool:
        """Whether the law and its derivatives are finite at all runs."""
        return bool(np.all(np.isfinite(self.triangle)))

    @property
    def singular(self) -> Floats:
        """Singular values of the column-scaled Jacobian, descending, (p,)."""
        return self._decomposition[0]

    @property
    def vectors(self) -> Floats:
        """Their directions (right singular vectors) in scaled coordinates, as rows, (p, p)."""
        return self._decomposition[1]

    @property
    def norms(self) -> Floats:
        """Lengths of the columns of the Jacobian, (p,)."""
        return self._decomposition[2]

    @cached_property
    def _decomposition(self) -> tuple[Floats, Floats, Floats]:
        norms = _lengths(self.triangle)
        _, sizes, vectors = np.linalg.svd(self.triangle / norms)
        # Singular vectors have no sign of their own: the largest entry is made positive.
        largest = np.take_along_axis(vectors, np.argmax(np.abs(vectors), axis=1)[:, None], 1)
        return sizes, vectors * np.sign(largest), norms

    @property
    def condition(self) -> float:
        """Largest over smallest singular value; infinite if that is rounding."""
        return float(_conditions(self.singular))

    @property
    def relative(self) -> Floats:
        """Condition of each direction: the largest singular value over its own, (p,)."""
        least = len(self.singular) * np.finfo(float).eps * self.singular[0]
        small = self.singular <= least
        return np.where(small, np.inf, self.singular[0] / np.where(small, 1, self.singular))

    def taking_part(self, limit: float) -> tuple[str, ...]:
        """Free parameters that take part in directions whose condition exceeds a limit."""
        share = np.sum(self.vectors[self.relative > limit] ** 2, axis=0)
        names = self.design.model.free
        return tuple(n for n, part in zip(names, share, strict=True) if part > LEAST_SHARE)

    def stderr(self, noise: float) -> dict[str, float]:
        """Standard errors of the coordinates of free parameters, by least squares.

        Those of identified parameters leave the flat directions out.

        Args:
            noise: Standard deviation of the residual of a row of weight one.
        """
        names = self.design.model.free
        flat = np.isin(names, self.taking_part(CONDITION_LIMIT))
        included = ((self.relative <= CONDITION_LIMIT)[:, None] | flat) & (self.vectors != 0)
        lengths = np.where(included, (self.relative / self.singular[0])[:, None], 0)
        spread = np.sqrt(np.sum((lengths * self.vectors) ** 2, axis=0)) / self.norms
        # What is flat is unknown even without noise.
        errors = np.where(np.isinf(spread), np.inf, noise) * np.where(np.isinf(spread), 1, spread)
        return dict(zip(names, map(float, errors), strict=True))

    def with_runs(self, runs: Floats, weight: float = 1.0) -> Floats:
        """Singular values after adding runs to the design.

        Args:
            runs: Sets of k runs each, by their q inputs, (m, k, q).
            weight: Weight of each added run.

        Returns:
            Singular values of each set, descending, (m, p); zero where the law is not finite.
        """
        sets, count, _ = runs.shape
        columns = tuple(np.moveaxis(runs, -1, 0).reshape(len(self.design.inputs), -1))
        rows = jacobians(self.design.model, [self.parameters], self.design.fixed, columns)[0]
        return self._singular_below(rows.reshape(sets, count, -1), weight)

    def _singular_below(self, rows: Floats, weight: float = 1.0) -> Floats:
        """Singular values with the rows (m, k, p) of more runs below the triangle."""
        usable = np.all(np.isfinite(rows), axis=(1, 2))
        rows = np.sqrt(weight) * np.where(usable[:, None, None], rows, 0)
        start = np.broadcast_to(self.triangle, (len(rows), *self.triangle.shape))
        matrix = np.concatenate([start, rows], axis=1)
        sizes = np.linalg.svd(matrix / _lengths(matrix)[:, None, :], compute_uv=False)
        return np.where(usable[:, None], sizes, 0)

    def cured_by(self, names: tuple[str, ...]) -> bool:
        """Whether runs that vary only these inputs, as many as there are, would be a cure.

        A cure brings the condition below 1e3, or down by a factor of a hundred and below 1e6.
        """
        if not names:
            return False
        design = self.design
        centre = {name: values[design.central] for name, values in design.inputs.items()}
        varied = [
            list({**centre, name: level}.values())
            for name in names
            for level in design.levels[name]
        ]
        after = _conditions(self.with_runs(np.array([varied]), design.n_rows / len(varied)))[0]
        return bool(after < max(WEAK_CONDITION, min(self.condition / _CURE, CONDITION_LIMIT)))

    def remedy(self) -> tuple[dict[str, float], ...]:
        """Few additional runs that bring the condition below 1e3; none if that takes too many.

        Pairs of candidates are tried, up to three times in a row. Of the pairs that cure, the one
        closest to the middle of the runs wins; of equally close ones the one with the smallest
        product of inputs, which is compute if they are N and D.
        """
        design = self.design
        candidates, far = design.candidates
        points = [self.parameters]
        rows = jacobians(design.model, points, design.fixed, tuple(candidates.T))[0]
        # The last candidate is no run at all, so that pairs include single runs.
        rows = np.vstack([rows, np.zeros(rows.shape[1])])
        left, right = np.triu_indices(len(rows), 1)
        pairs = np.stack([rows[left], rows[right]], axis=1)
        size = np.append(np.prod(np.abs(candidates), axis=1), 0)
        cost = far + size / (4 * np.max(size) or 1)
        cost = cost[left] + cost[right]
        view, runs = self, []
        for _ in range(_ROUNDS):
            sizes = view._singular_below(pairs)
            condition = _conditions(sizes)
            good = condition < _COMFORTABLE
            # With everything singular the volume still tells which pair leads on.
            volume = np.sum(np.log(np.maximum(sizes, 1e-15)), axis=1)
            score = np.where(good, cost, np.inf) if good.any() else condition
            pick = int(np.argmin(score)) if np.min(score) < np.inf else int(np.argmax(volume))
            runs += [candidates[k] for k in (left[pick], right[pick]) if k < len(candidates)]
            if condition[pick] < WEAK_CONDITION:
                return tuple(dict(zip(design.inputs, map(float, run), strict=True)) for run in runs)
            view = replace(view, triangle=_triangle(np.vstack([view.triangle, pairs[pick]])))
        return ()

    def along(self, k: int) -> tuple[dict[str, float], float]:
        """Walk along a direction until a parameter has moved by a tenth.

        The walk ends earlier where one parameter alone changes the loss by more than 3 %.

        Args:
            k: Number of the direction.

        Returns:
            The parameters there, and the largest relative change of a predicted loss.
        """
        design, vector = self.design, self.vectors[k]
        step = vector / self.norms
        length = min(
            np.log1p(_STEP) / np.max(np.abs(step) / self._sizes),
            _EFFECT * np.sqrt(design.n_rows) / np.max(np.abs(vector)),
        )
        u = coordinates(design.model, self.parameters) + length * step
        values = design.model.parameters(u, design.fixed)
        end = {name: float(value) for name, value in values.items()}
        before, after = (
            losses(design.model, point, design.inputs) for point in (self.parameters, end)
        )
        # Where a law crosses zero, a relative change says nothing.
        sound = before != 0
        changes = np.abs(after[sound] / before[sound] - 1)
        return end, float(np.max(changes, initial=0.0))

    @property
    def effects(self) -> Floats:
        """Typical change of a residual if a parameter changes by its own size, (p,)."""
        return self.norms * self._sizes / np.sqrt(self.design.n_rows)

    @property
    def _sizes(self) -> Floats:
        """What the coordinates change by if a parameter changes by its own size, (p,)."""
        return np.array(
            [
                abs(self.parameters[name]) or 1.0 if _as_it_is(self.design.model, name) else 1.0
                for name in self.design.model.free
            ]
        )


def _as_it_is(model: Model, name: str) -> bool:
    """Whether a positive parameter is its own coordinate."""
    parameter = model.law.parameters[name]
    return parameter.support is positive and not parameter.logarithmic


def linearise(design: RunSet, points: list[dict[str, float]]) -> list[View]:
    """Views of a design from points of the parameters."""
    rows = jacobians(design.model, points, design.fixed, tuple(design.inputs.values()))
    weighted = np.sqrt(design.weight)[:, None] * rows
    return [
        View(design, point, _triangle(slopes))
        for point, slopes in zip(points, weighted, strict=True)
    ]


def _triangle(rows: Floats) -> Floats:
    """Triangular factor (p, p) of rows (n, p), NaN if a row is not finite."""
    size = rows.shape[1]
    if not np.all(np.isfinite(rows)):
        return np.full((size, size), np.nan)
    triangle: Floats = np.linalg.qr(np.vstack([rows, np.zeros((size, size))]))[1]
    return triangle


def _lengths(matrix: Floats) -> Floats:
    """Lengths of the columns of matrices (..., n, p), one for a column of zeros."""
    norms = np.sqrt(np.sum(matrix**2, axis=-2))
    return np.where(norms > 0, norms, 1)


def _conditions(sizes: Floats) -> Floats:
    """Conditions of matrices with singular values (..., p)."""
    largest, least = sizes[..., 0], sizes[..., -1]
    full = least > sizes.shape[-1] * np.finfo(float).eps * largest
    return np.where(full, largest / np.where(full, least, 1), np.inf)

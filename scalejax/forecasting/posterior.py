"""What a forecast knows of runs that nobody has trained: law and discrepancy as one linear model.

Around the mode of a grid point the forecast is linear and Gaussian in the coordinates (theta, w):
those of the law, and the weights of the discrepancy's features, which have unit variance before
any row is seen. `Posterior` keeps what is needed to say what any runs, trained or not, would be,
at each grid point that counts: a `Belief`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, NamedTuple

import jax
import numpy as np

from scalejax._arrays import Floats
from scalejax.forecasting import discrepancy
from scalejax.forecasting.batch import Answer, Choice, ForecastRows, choices, padded
from scalejax.forecasting.inside import Context, LawInside
from scalejax.forecasting.model import tail
from scalejax.scope import own_settings

_LEAST_WEIGHT = 1e-3
"""Weight of a grid point below which it is left out: so little moves no variance that is shown."""


class Belief(NamedTuple):
    """What is believed of some runs at one grid point, in the coordinates (theta, w).

    Attributes:
        mean: ln response of the runs, (n,).
        slopes: Its derivatives in the coordinates, (n, k).
        covariance: Of the coordinates, (k, k).
        move: From the mode of the law, and no discrepancy, to the mean of the coordinates, (k,).
        noise: Variance of a new run's noise, ().
        tau: Size of the discrepancy, ().
        weight: Of the grid point, ().
    """

    mean: Floats
    slopes: Floats
    covariance: Floats
    move: Floats
    noise: float
    tau: float
    weight: float

    def own(self, beyond: float) -> float:
        """Variance of a run to come beside law and discrepancy: noise, and the tail.

        Args:
            beyond: Decades of compute beyond the largest row.
        """
        return self.noise + float(tail(self.tau, beyond))


@dataclass(frozen=True, eq=False)
class Posterior:
    """What a forecast knows of one family.

    Attributes:
        inside: The law inside.
        rows: The rows, with their weights at the end.
        context: What the coordinates of the law are relative to.
        theta: Mode of the law's coordinates at each grid point, (g, p).
        variance: s^2 at each, (g,).
        choices: The hyper-parameters of each.
        weight: Of each, (g,); zero for those that do not count.
    """

    inside: LawInside
    rows: ForecastRows
    context: Context
    theta: Floats
    variance: Floats
    choices: tuple[Choice, ...]
    weight: Floats

    @classmethod
    def of(cls, inside: LawInside, rows: ForecastRows, answer: Answer) -> "Posterior":
        """That of a table and its answer."""
        modes = answer.arrays.modes
        weight = np.asarray(answer.arrays.weight, np.float64)
        weight = np.where(weight >= _LEAST_WEIGHT, weight, 0.0)
        without = choices(False)
        return cls(
            inside,
            rows.with_weight(answer.weight),
            answer.context,
            np.asarray(modes.theta, np.float64),
            np.asarray(modes.variance, np.float64),
            tuple(without if len(weight) == len(without) else choices(True)),
            weight / weight.sum(),
        )

    @property
    def points(self) -> list[int]:
        """Grid points that count."""
        return np.flatnonzero(self.weight).tolist()

    @property
    def noise(self) -> float:
        """Standard deviation of a new run's noise, its offset included."""
        offsets = np.array([choice.offset for choice in self.choices])
        return float(np.sqrt(self.weight @ (self.variance * (1 + offsets**2))))

    @property
    def largest(self) -> float:
        """Decades of compute of the largest row, as those of `decades`."""
        return float(self.decades(self.rows.inputs).max())

    def decades(self, inputs: Mapping[str, Floats]) -> Floats:
        """Decades of compute of runs from the middle of the table, (n,)."""
        return self.rows.ground.places(inputs).compute

    def parameters(self, theta: Floats) -> dict[str, Floats]:
        """Parameters of the law at coordinates (B, p), (B,) each."""
        return self.inside.parameters(theta, self.context)

    def law(self, inputs: Mapping[str, Floats]) -> tuple[Floats, Floats]:
        """The law's ln response (g, n) and its derivatives (g, n, p) at the modes."""
        columns = np.stack([inputs[name] for name in self.rows.inputs], 1)
        count = len(columns)
        points = self.inside.points(columns, self.context)
        points = np.concatenate([points, np.repeat(points[:1], padded(count) - count, axis=0)])
        with own_settings():
            solved = jax.device_get(_law(self.inside, self.theta, points, self.context))
        value, slope = (np.asarray(one, np.float64)[:, :count] for one in solved)
        return value + float(self.context.level), slope

    @cached_property
    def _law_of_rows(self) -> tuple[Floats, Floats]:
        return self.law(self.rows.inputs)

    def beliefs(
        self,
        runs: Mapping[str, Floats],
        target: Mapping[str, Floats] | None = None,
        largest: float | None = None,
    ) -> list[Belief]:
        """What is believed of runs at each grid point that counts.

        Args:
            runs: Inputs of runs that could be rows, (n,) each: their discrepancy grows with the
                decades below the largest run, as that of the rows does.
            target: Inputs of runs to come, (t,) each, behind the others in the belief.
            largest: Decades of the largest run of all; that of the rows if not given.
        """
        rows, ahead = self.rows, target or {name: np.zeros(0) for name in runs}
        every = {name: np.concatenate([runs[name], ahead[name]]) for name in rows.inputs}
        places = rows.ground.places({n: np.append(rows.inputs[n], every[n]) for n in rows.inputs})
        inducing = discrepancy.inducing_points(places.axes)
        below = np.maximum((self.largest if largest is None else largest) - places.compute, 0)
        growing = 1 + discrepancy.GROWTH * below
        growing[len(rows) + len(next(iter(runs.values()))) :] = 1.0
        lengths = {self.choices[k].length for k in self.points}
        features = {
            length: growing[:, None] * discrepancy.features(places.axes, inducing, length)
            for length in lengths
        }
        law, new = self._law_of_rows, self.law(every)
        return [
            self._belief(k, features[self.choices[k].length], *(x[k] for x in (*law, *new)))
            for k in self.points
        ]

    def _belief(
        self, k: int, features: Floats, law: Floats, slope: Floats, ahead: Floats, slopes: Floats
    ) -> Belief:
        rows, choice, variance = self.rows, self.choices[k], float(self.variance[k])
        prior, size = self.inside.prior, len(self.theta[k])
        tau = choice.ratio * float(np.sqrt(variance))
        both = np.concatenate([np.concatenate([slope, slopes]), tau * features], 1)
        old = both[: len(rows)]
        told = products(rows, np.column_stack([old, rows.log_response - law]), choice.offset**2)
        precision = told[:-1, :-1] / variance + np.eye(old.shape[1])
        precision[:size, :size] += np.diag(prior.sd**-2.0 - 1)
        pull = told[:-1, -1] / variance
        pull[:size] += (prior.mean - self.theta[k]) / prior.sd**2
        covariance = np.asarray(np.linalg.inv(precision), np.float64)
        move = covariance @ pull
        return Belief(
            mean=ahead + both[len(rows) :] @ move,
            slopes=both[len(rows) :],
            covariance=covariance,
            move=move,
            noise=variance * (1 + choice.offset**2),
            tau=tau,
            weight=float(self.weight[k]),
        )


def products(rows: ForecastRows, columns: Floats, offset: float) -> Floats:
    """Inner products (m, m) of columns (n, m) under the inverse covariance of the rows' noise.

    Args:
        rows: The rows; those of one run share an offset.
        columns: The columns.
        offset: Variance of an offset, that of the noise being one.
    """
    weighted = rows.weight[:, None] * columns
    plain = columns.T @ weighted
    if rows.run is None or not offset:
        return plain
    code = np.unique(rows.run, return_inverse=True)[1].ravel()
    sums = np.zeros((rows.runs, columns.shape[1]))
    np.add.at(sums, code, weighted)
    share = offset / (1 + offset * np.bincount(code, rows.weight))
    return np.asarray(plain - sums.T @ (share[:, None] * sums), np.float64)


@partial(jax.jit, static_argnums=0)
def _law(inside: LawInside, theta: Any, points: Any, context: Context) -> tuple[Any, Any]:
    def one(theta: jax.Array, point: jax.Array) -> tuple[Any, Any]:
        def log_response(theta: jax.Array) -> jax.Array:
            return inside.log_response(theta, point, context)

        return log_response(theta), jax.jacfwd(log_response)(theta)

    return jax.vmap(jax.vmap(one, (None, 0)), (0, None))(theta, points)

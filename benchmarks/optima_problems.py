"""Random constrained problems of the shapes that scaling laws give, for JAX and for NumPy.

Every measure is a ratio of sums of powers times a wave: losses (a floor and falling powers), costs
(rising powers), both with the factor of few bits where a variable is one, ratios and waves that
are not convex. Limits are drawn around a point, so that it meets them; then some become equal to
others, some idle, and some impossible (a loss below its floor, a range with its ends crossed, or
just far too small, which only a search can tell).

All problems of a `Shape` are one compiled program: their coefficients travel in args.
"""

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

from scalejax.optima import Measure, Problem, Variable

TERMS, BELOW = 8, 2
_REACH = 14.0
_BITS = (2.0, 16.0)
_GAMMA, _OFFSET = 2.6745, 0.3037
_ABSENT = -1e3
_KINDS, _SHARES = ("loss", "cost", "mixed", "ratio", "wave"), (0.3, 0.3, 0.15, 0.1, 0.15)
_OPPOSITE = {"loss": "cost", "cost": "loss"}


@dataclass(frozen=True)
class Shape:
    """Variables and constraints of a problem.

    Attributes:
        variables: Their number; the last is in bits, between 2 and 16, if `bits`.
        senses: A sense per constraint.
        bits: Whether the last variable is in bits.
    """

    variables: int
    senses: tuple[str, ...]
    bits: bool = False

    @property
    def name(self) -> str:
        """Such as "3 variables with bits, <= >=".."""
        return f"{self.variables} variables{' with bits' * self.bits}, {' '.join(self.senses)}"

    @property
    def features(self) -> int:
        """Logarithms of the variables, and that of the bits' factor."""
        return self.variables + self.bits


SHAPES = (
    Shape(2, ("<=",)),
    Shape(2, ("<=", ">=", "<=", "<=", "<="), bits=True),
    Shape(3, ("<=", "<="), bits=True),
    Shape(3, ("==", "<=", ">=", "<=")),
    Shape(4, ("<=",), bits=True),
    Shape(4, ("<=", ">=", "<=")),
    Shape(5, ("==", "<="), bits=True),
    Shape(5, ("<=", "<=", ">=", "<=", "==")),
    Shape(6, ("<=", "<=", "<="), bits=True),
    Shape(6, ("<=", ">=", "<=", "==", "<=")),
)


def make_problem(shape: Shape) -> Problem:
    """The problem of a shape; its args are the arrays of `draw_problem`."""
    logs = shape.variables - shape.bits
    variables = [Variable(f"x{i}", 1.0, float(np.exp(_REACH))) for i in range(logs)]
    if shape.bits:
        variables.append(Variable("P", *_BITS, scale="linear", unit="bits"))

    def features(x: Any) -> Any:
        found = [jnp.log(x[f"x{i}"]) for i in range(logs)]
        if shape.bits:
            found += [jnp.log(x["P"]), -jnp.log(-jnp.expm1(_OFFSET - x["P"] / _GAMMA))]
        return jnp.stack(found)

    def measure(k: int) -> Measure:
        def function(x: Any, a: Any) -> Any:
            phi = features(x)
            above = jnp.sum(jnp.exp(a["b"][k] + a["e"][k] @ phi))
            below = 1 + jnp.sum(jnp.exp(a["c"][k] + a["g"][k] @ phi))
            wave = a["w"][k] * jnp.sin(a["u"][k] @ phi + a["s"][k])
            return above / below * jnp.exp(wave)

        return Measure(f"f{k}", function)

    def limited(k: int, sense: str) -> Any:
        by = {"<=": Measure.at_most, ">=": Measure.at_least, "==": Measure.equal_to}[sense]
        return by(measure(k), lambda a: jnp.exp(a["limit"][k - 1]))

    rules = tuple(limited(k + 1, sense) for k, sense in enumerate(shape.senses))
    return Problem(tuple(variables), measure(0), rules)


class Functions:
    """The same in NumPy: excesses and their slopes in the problem's own coordinates."""

    def __init__(self, shape: Shape, args: dict[str, Any]) -> None:
        self.shape, self.args = shape, args
        self.sign = np.array([-1.0 if sense == ">=" else 1.0 for sense in shape.senses])
        self.equality = np.array([sense == "==" for sense in shape.senses])
        low, high = np.zeros(shape.variables), np.full(shape.variables, _REACH)
        if shape.bits:
            high[-1] = 1.0
        self.low, self.high = low, high

    def logarithms(self, y: Any) -> tuple[Any, Any]:
        """Logarithms of all measures (1 + m,) and their slopes (1 + m, n)."""
        a, phi, turn = self.args, *self._features(y)
        above, over = np.exp(a["b"] + a["e"] @ phi), np.exp(a["c"] + a["g"] @ phi)
        total, below = above.sum(1), 1 + over.sum(1)
        angle = a["u"] @ phi + a["s"]
        value = np.log(total) - np.log(below) + a["w"] * np.sin(angle)
        slope = np.einsum("kt,ktf->kf", above, a["e"]) / total[:, None]
        slope -= np.einsum("kt,ktf->kf", over, a["g"]) / below[:, None]
        slope += (a["w"] * np.cos(angle))[:, None] * a["u"]
        return value, slope @ turn

    def values(self, y: Any) -> tuple[Any, Any]:
        """The logarithm of what is minimised and the excesses over the limits, with slopes."""
        value, slope = self.logarithms(y)
        value[1:] = self.sign * (value[1:] - self.args["limit"])
        slope[1:] *= self.sign[:, None]
        return value, slope

    def violation(self, y: Any) -> float:
        """The largest excess."""
        over = self.values(y)[0][1:]
        return float(np.max(np.where(self.equality, np.abs(over), np.maximum(over, 0))))

    def starts(self, count: int, seed: int) -> Any:
        """Points spread over the box."""
        share = np.random.default_rng(seed).uniform(0.02, 0.98, (count, len(self.low)))
        return self.low + (self.high - self.low) * share

    def _features(self, y: Any) -> tuple[Any, Any]:
        if not self.shape.bits:
            return y, np.eye(len(y))
        n, (least, most) = len(y), _BITS
        p = least + (most - least) * y[-1]
        rest = np.exp(_OFFSET - p / _GAMMA)
        phi = np.concatenate([y[:-1], [np.log(p), -np.log1p(-rest)]])
        turn = np.zeros((n + 1, n))
        turn[: n - 1, : n - 1] = np.eye(n - 1)
        turn[n - 1 :, -1] = (most - least) * np.array([1 / p, -rest / (1 - rest) / _GAMMA])
        return phi, turn


def draw_problem(shape: Shape, rng: np.random.Generator) -> tuple[dict[str, Any], str]:
    """Args of one problem, and what is special about it."""
    m = len(shape.senses)
    kinds = [str(kind) for kind in rng.choice(_KINDS, 1 + m, p=_SHARES)]
    if kinds[0] in _OPPOSITE and rng.random() < 0.8:
        kinds[1] = _OPPOSITE[kinds[0]]
    measures = [_measure(shape, kind, rng) for kind in kinds]
    a = {key: np.stack([one[key] for one in measures]) for key in measures[0]}
    a["limit"] = np.zeros(m)
    functions = Functions(shape, a)
    there = functions.starts(1, int(rng.integers(2**31)))[0]
    slack = np.where(rng.random(m) < 0.5, 0.0, rng.exponential(0.5, m))
    a["limit"] = functions.logarithms(there)[0][1:] + np.where(
        functions.equality, 0.0, slack * functions.sign
    )
    less = [k for k in range(m) if shape.senses[k] == "<="]
    more = [k for k in range(m) if shape.senses[k] == ">="]
    kind = rng.choice(
        ["plain", "duplicate", "redundant", "floor", "crossed", "too small"],
        p=[0.4, 0.1, 0.1, 0.15, 0.1, 0.15],
    )
    gap = 10 ** rng.uniform(-4, 0.5)
    if kind in ("duplicate", "redundant") and len(less) > 1:
        # The same measure in other units.
        units = rng.uniform(-3, 3)
        _copy(a, less[0], less[-1])
        a["b"][1 + less[-1]] += units
        a["limit"][less[-1]] = a["limit"][less[0]] + units + (gap if kind == "redundant" else 0)
    elif kind == "crossed" and more:
        _copy(a, less[0], more[0])
        a["limit"][more[0]] = a["limit"][less[0]] + gap
    elif kind == "floor":
        k = less[0]
        for key, value in _loss(shape, rng).items():
            a[key][1 + k] = value
        a["limit"][k] = a["b"][1 + k, 0] - gap
    elif kind == "too small":
        a["limit"][rng.integers(m)] += rng.normal() * 3
    else:
        kind = "plain"
    return a, str(kind)


def _copy(a: dict[str, Any], source: int, target: int) -> None:
    for key in ("b", "e", "c", "g", "w", "u", "s"):
        a[key][1 + target] = a[key][1 + source]


def _measure(shape: Shape, kind: str, rng: np.random.Generator) -> dict[str, Any]:
    if kind == "loss":
        return _loss(shape, rng)
    n = shape.features
    found = _nothing(n)
    count = int(rng.integers(1, 4))
    size = rng.uniform(0.3, 1.5, (count, n)) * (rng.random((count, n)) < 0.8)
    if shape.bits and kind == "cost":
        size[:, -1] = 0.0
    if kind in ("mixed", "wave"):
        size *= rng.choice([-1.0, 1.0], (count, n))
    found["e"][:count] = size
    # Terms that are about equal somewhere in the box.
    found["b"][:count] = rng.normal(0, 2, count) - size @ rng.uniform(0, _REACH, n)
    if kind == "ratio":
        found["g"][:] = rng.uniform(0.1, 0.6, (BELOW, n)) * (rng.random((BELOW, n)) < 0.5)
        found["c"][:] = rng.normal(0, 2, BELOW) - found["g"] @ rng.uniform(0, _REACH, n)
    if kind == "wave":
        found["w"], found["u"] = rng.uniform(0.05, 0.4), rng.normal(0, 0.5, n)
        found["s"] = rng.uniform(0, 6.28)
    return found


def _loss(shape: Shape, rng: np.random.Generator) -> dict[str, Any]:
    """A floor and a falling power of each variable; few bits act like less of the first."""
    found = _nothing(shape.features)
    found["b"][0] = np.log(rng.uniform(1.0, 2.0))
    for i in range(shape.variables - shape.bits):
        exponent = rng.uniform(0.2, 0.6)
        found["e"][1 + i, i] = -exponent
        found["b"][1 + i] = exponent * rng.uniform(2, 10)
    if shape.bits:
        found["e"][1, -1] = -found["e"][1, 0]
    return found


def _nothing(n: int) -> dict[str, Any]:
    return {
        "b": np.full(TERMS, _ABSENT),
        "e": np.zeros((TERMS, n)),
        "c": np.full(BELOW, _ABSENT),
        "g": np.zeros((BELOW, n)),
        "w": np.array(0.0),
        "u": np.zeros(n),
        "s": np.array(0.0),
    }

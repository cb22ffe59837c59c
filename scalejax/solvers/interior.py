"""The first half of a constrained minimisation: from any start to near an optimum.

For small smooth problems ``min v[0](y) subject to v[1:](y) <= 0 (or == 0), low < y < high``, not
necessarily convex, with constraints that may be redundant or impossible. Each constraint may be
violated at a price (`price` per unit, an exact penalty), so that every point inside the box is
feasible, redundant constraints do no harm and an impossible one shows as a violation that stays.
The elastic variables are eliminated in closed form (Gould, Orban and Toint 2015, Springer
Proceedings in Mathematics and Statistics 134, 117-150, keep them), which leaves a smooth function
of y alone for each barrier: the merit function. Newton steps use the primal-dual curvature and are
shortened until that function falls.

The result is a point near the optimum with multipliers near theirs (to about `_LAST_BARRIER`), for
`scalejax.solvers.kkt` to finish and to certify.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

Values = Callable[[jax.Array], jax.Array]
"""What is minimised and the constraints, (1 + m,), at a point (n,)."""

# Set by judgement for problems whose values and coordinates are of the order of one (logarithms, or
# shares of a range), and held to by the closed forms in the tests; none was tuned. The rules of the
# barrier are those of Waechter and Biegler (2006, Mathematical Programming 106, 25-57).
_FIRST_BARRIER, _LAST_BARRIER = 0.1, 1e-10
# A merit function is stationary when its gradient is below this many barriers, or below this error.
_STILL, _LEAST_ERROR = 10, 1e-9
# The next barrier: the smaller of this share and this power of the last one.
_BARRIER_SHARE, _BARRIER_POWER = 0.2, 1.5
# A multiplier beyond the price would leave its constraint violated. A higher price makes the merit
# function stiff, so that it comes only if a violation stays.
_FIRST_PRICE, _LAST_PRICE = 1e3, 1e6
_VIOLATED = 1e-6
# The share of the way to an end of a range, or of a multiplier, that one step may go.
_TO_THE_END = 0.995
# Plans under C = 6 N D settle in 10 to 40 steps, impossible ones in 54; what takes longer wanders.
_MOST_STEPS = 300
# The factor of the reach after a bad step (its inverse after a good one), and where it gives up.
_SHORTER, _LEAST_REACH = 0.25, 1e-10
# The share of the gain that a step must bring (Armijo's rule), and what is lost in rounding.
_ENOUGH, _ROUNDING = 1e-4, 1e-13
# Added to the curvature, far below that of any limit, so that flat directions have a solution.
_DAMPING = 1e-8
_TURN = 0.9  # The share of the room that is left that a turn along the constraints may take.
# Pivots are at least this share of their diagonal entry: its rounding, and some room.
_LEAST_PIVOT = 1e-14
_UNLIMITED = 1e12  # No limit at all, for the multipliers of ends.


class Expansion(NamedTuple):
    """Values and derivatives at a point: (1 + m,), (1 + m, n), (1 + m, n, n)."""

    value: jax.Array
    slope: jax.Array
    bend: jax.Array

    @property
    def finite(self) -> jax.Array:
        """Whether all of it is finite, ()."""
        return jnp.all(jnp.array([jnp.all(jnp.isfinite(part)) for part in self]))


class Ranges(NamedTuple):
    """Ends of the ranges, (n,) each."""

    low: Any
    high: Any


class Multipliers(NamedTuple):
    """Multipliers of the constraints (m,) and of the lower and upper ends (n,)."""

    constraint: jax.Array
    low: jax.Array
    high: jax.Array


class Approach(NamedTuple):
    """Where the minimiser ended.

    Attributes:
        point: (n,).
        multipliers: Multipliers there.
        steps: Evaluations taken, ().
        settled: Whether the last merit function is stationary, ().
    """

    point: jax.Array
    multipliers: Multipliers
    steps: jax.Array
    settled: jax.Array


class _Elastic(NamedTuple):
    """The penalty of the constraints (m,): cost, multiplier, and the two distances it balances."""

    cost: jax.Array
    multiplier: jax.Array
    slack: jax.Array
    excess: jax.Array


class _Proposal(NamedTuple):
    """A step to be judged: its end, the gain that it should bring, and the merit at its beginning.

    `gain` and `merit` are infinite for the start itself.
    """

    y: jax.Array
    multipliers: Multipliers
    gain: jax.Array
    merit: jax.Array


class _Iterate(NamedTuple):
    """The best point so far and what comes next; `reach` is the largest share of a step to try."""

    y: jax.Array
    at: Expansion
    multipliers: Multipliers
    barrier: jax.Array
    price: jax.Array
    reach: jax.Array
    proposal: _Proposal
    steps: jax.Array
    settled: jax.Array


def expand(values: Values, y: jax.Array) -> Expansion:
    """Values with their first and second derivatives."""
    slope = jax.jacfwd(values)
    return Expansion(values(y), slope(y), jax.jacfwd(slope)(y))


def approach(values: Values, start: jax.Array, box: Ranges, equality: Any) -> Approach:
    """Minimise from one start.

    Args:
        values: What is minimised and the constraints.
        start: Strictly inside the box, (n,).
        box: Ends of the ranges.
        equality: Which constraints are equations, (m,) of bool.
    """
    n, m = start.shape[0], len(equality)
    one = jnp.ones((), start.dtype)
    first = Multipliers(
        jnp.where(equality, 0.0, one),
        _FIRST_BARRIER / (start - box.low),
        _FIRST_BARRIER / (box.high - start),
    )
    shapes = ((1 + m,), (1 + m, n), (1 + m, n, n))
    state = _Iterate(
        start,
        Expansion(*(jnp.full(shape, jnp.nan, start.dtype) for shape in shapes)),
        first,
        one * _FIRST_BARRIER,
        one * _FIRST_PRICE,
        one,
        _Proposal(start, first, one * jnp.inf, one * jnp.inf),
        jnp.zeros((), jnp.int32),
        jnp.zeros((), bool),
    )
    state = lax.while_loop(
        lambda s: ~s.settled & (s.steps < _MOST_STEPS),
        lambda s: _advance(values, s, box, equality),
        state,
    )
    return Approach(state.y, state.multipliers, state.steps, state.settled & state.at.finite)


def _elastic(over: jax.Array, barrier: Any, price: Any, equality: Any) -> _Elastic:
    """The cheapest way to be `over`: min of price * excess less the logarithms of both distances.

    With p the multiplier less its lowest value (0, or minus the price for an equation) and w the
    width of its range, slack = barrier / p and excess = barrier / (w - p) differ by `over`.

    An equation's barrier is larger by price squared, which makes its cost over^2 / (4 barrier)
    where that is far below the price: as stiff as what binds with a multiplier near 1.
    """
    lowest = jnp.where(equality, -price, 0.0)
    barrier = jnp.where(equality, price**2, 1.0) * barrier
    width = price - lowest
    size = width * jnp.abs(over)
    root = jnp.sqrt(size**2 + 4 * barrier**2)
    large = (2 * barrier + size + root) / (2 * width)
    small = (2 * barrier + 4 * barrier**2 / (size + root)) / (2 * width)
    slack, excess = jnp.where(over > 0, small, large), jnp.where(over > 0, large, small)
    cost = width * excess + lowest * over - barrier * (jnp.log(slack) + jnp.log(excess))
    return _Elastic(cost, lowest + barrier / slack, slack, excess)


def _merit(at: Expansion, y: jax.Array, s: _Iterate, box: Ranges, equality: Any) -> jax.Array:
    """The merit function for one barrier and price, ()."""
    penalty = jnp.sum(_elastic(at.value[1:], s.barrier, s.price, equality).cost)
    ends = jnp.sum(jnp.log(y - box.low) + jnp.log(box.high - y))
    return at.value[0] + penalty - s.barrier * ends


def _slope(at: Expansion, y: jax.Array, s: _Iterate, box: Ranges, equality: Any) -> jax.Array:
    """Gradient of the merit function, (n,)."""
    pull = _elastic(at.value[1:], s.barrier, s.price, equality).multiplier
    ends = s.barrier / (box.high - y) - s.barrier / (y - box.low)
    return at.slope[0] + pull @ at.slope[1:] + ends


def _advance(values: Values, s: _Iterate, box: Ranges, equality: Any) -> _Iterate:
    """Judge a step, then perhaps take a smaller barrier, then prepare the next step."""
    at, new = expand(values, s.proposal.y), s.proposal
    merit = _merit(at, new.y, s, box, equality)
    rounding = new.gain < _ROUNDING * (1 + jnp.abs(new.merit))
    gains = (new.merit - merit >= _ENOUGH * new.gain) | rounding
    better = at.finite & jnp.isfinite(merit) & gains
    y, at, multipliers = jax.tree.map(
        lambda new, old: jnp.where(better, new, old),
        (new.y, at, new.multipliers),
        (s.y, s.at, s.multipliers),
    )
    reach = jnp.where(better, jnp.minimum(s.reach / _SHORTER, 1.0), s.reach * _SHORTER)
    s = s._replace(y=y, at=at, multipliers=multipliers, reach=reach, steps=s.steps + 1)
    s = _next_barrier(s, rounding, box, equality)
    return s._replace(proposal=_propose(values, s, box, equality))


def _next_barrier(s: _Iterate, rounding: jax.Array, box: Ranges, equality: Any) -> _Iterate:
    """A smaller barrier once the merit function is stationary, a higher price if it was too low."""
    error = jnp.max(jnp.abs(_slope(s.at, s.y, s, box, equality)))
    pulls = s.multipliers.constraint[:, None] * s.at.slope[1:]
    scale = 1 + jnp.max(jnp.abs(s.at.slope[0])) + jnp.max(jnp.abs(pulls), initial=0.0)
    still = error <= jnp.maximum(_STILL * s.barrier, _LEAST_ERROR) * scale
    still |= rounding | (s.reach < _LEAST_REACH)
    last = s.barrier <= _LAST_BARRIER
    over = s.at.value[1:]
    violation = jnp.max(jnp.where(equality, jnp.abs(over), over), initial=0.0)
    dearer = still & last & (violation > _VIOLATED) & (s.price < _LAST_PRICE)
    smaller = jnp.minimum(_BARRIER_SHARE * s.barrier, s.barrier**_BARRIER_POWER)
    smaller = jnp.maximum(smaller, _LAST_BARRIER)
    barrier = jnp.where(dearer, _FIRST_BARRIER, jnp.where(still, smaller, s.barrier))
    price = jnp.where(dearer, _LAST_PRICE, s.price)
    # The multipliers of another price would make steps far too short.
    dear = _elastic(over, barrier, price, equality).multiplier
    constraint = jnp.where(dearer, dear, s.multipliers.constraint)
    return s._replace(
        multipliers=s.multipliers._replace(constraint=constraint),
        barrier=barrier,
        price=price,
        reach=jnp.where(still, 1.0, s.reach),
        settled=(still & last & ~dearer) | ~s.at.finite,
    )


def _propose(values: Values, s: _Iterate, box: Ranges, equality: Any) -> _Proposal:
    """A Newton step with the primal-dual curvature, bent along the constraints."""
    lower, upper = s.y - box.low, box.high - s.y
    elastic = _elastic(s.at.value[1:], s.barrier, s.price, equality)
    lowest = jnp.where(equality, -s.price, 0.0)
    dual, width = s.multipliers.constraint - lowest, s.price - lowest
    stiffness = 1 / (elastic.slack / dual + elastic.excess / (width - dual))

    gradient = _slope(s.at, s.y, s, box, equality)
    slopes, bends = s.at.slope[1:], s.at.bend[1:]
    low, high = s.multipliers.low, s.multipliers.high
    curvature = s.at.bend[0] + jnp.einsum("m,mij->ij", s.multipliers.constraint, bends)
    curvature += jnp.einsum("m,mi,mj->ij", stiffness, slopes, slopes)
    curvature += jnp.diag(low / lower + high / upper + _DAMPING)
    solve = _factorise(curvature)
    move = -solve(gradient)
    room = jnp.max(jnp.maximum(-move / lower, move / upper), initial=_TO_THE_END)
    share = s.reach * _TO_THE_END / room
    straight = share * move
    # What the constraints do beyond their slopes would otherwise make steps along them short.
    beyond = values(s.y + straight)[1:] - s.at.value[1:] - slopes @ straight
    turn = -solve((stiffness * beyond) @ slopes)
    fits = jnp.abs(turn) <= _TURN * jnp.minimum(lower + straight, upper - straight)
    small = jnp.max(jnp.abs(turn)) <= jnp.max(jnp.abs(straight))
    turn = jnp.where(jnp.all(fits) & small, turn, 0.0)

    def blend(old: jax.Array, primal: jax.Array, change: jax.Array, top: Any) -> jax.Array:
        """A multiplier in (0, top) moved along with the step."""
        new = old + share * (primal + change - old)
        return jnp.clip(new, (1 - _TO_THE_END) * old, top - (1 - _TO_THE_END) * (top - old))

    top = jnp.asarray(_UNLIMITED, s.y.dtype)
    moved = Multipliers(
        lowest + blend(dual, elastic.multiplier - lowest, stiffness * (slopes @ move), width),
        blend(low, s.barrier / lower, -low / lower * move, top),
        blend(high, s.barrier / upper, high / upper * move, top),
    )
    gain = -share * (1 - share / 2) * (gradient @ move)
    merit = _merit(s.at, s.y, s, box, equality)
    return _Proposal(s.y + straight + turn, moved, gain, merit)


def _factorise(matrix: jax.Array) -> Callable[[jax.Array], jax.Array]:
    """A solver for a symmetric matrix (n, n), made positive definite: pivots count by their size.

    Unrolled over scalars, so that a batch is arithmetic on whole lanes.
    """
    n = matrix.shape[0]
    rest = [[matrix[i, j] for j in range(i + 1)] for i in range(n)]
    pivots, columns = [], []
    for j in range(n):
        pivots.append(jnp.maximum(jnp.abs(rest[j][j]), _LEAST_PIVOT * jnp.abs(matrix[j, j])))
        columns.append([rest[i][j] / pivots[j] for i in range(n)[j + 1 :]])
        for i in range(n)[j + 1 :]:
            for k in range(j + 1, i + 1):
                rest[i][k] -= columns[j][k - j - 1] * rest[i][j]

    def solve(right: jax.Array) -> jax.Array:
        x = [right[i] for i in range(n)]
        for j in range(n):
            for i in range(n)[j + 1 :]:
                x[i] -= columns[j][i - j - 1] * x[j]
        for j in reversed(range(n)):
            later = sum(columns[j][i - j - 1] * x[i] for i in range(n)[j + 1 :])
            x[j] = x[j] / pivots[j] - later
        return jnp.stack(x)

    return solve

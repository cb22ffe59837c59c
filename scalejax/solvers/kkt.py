"""The end of a constrained minimisation: exact Newton steps on the optimality conditions.

`finish` takes a point near an optimum to it, choosing the active constraints anew at each step
(Hintermueller, Ito and Kunisch 2002, SIAM Journal on Optimization 13, 865-888), and `assess` says
how far any point is from satisfying the Karush-Kuhn-Tucker conditions. Redundant constraints make
the multipliers ambiguous and the system singular; then their least change is taken.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from scalejax.solvers.interior import Expansion, Multipliers, Ranges, Values, expand

# Set by judgement, as in `scalejax.solvers.interior`, and held to by the closed forms in the tests.
# Steps with each of the two guesses of what binds: near an optimum two or three reach rounding, the
# others are for constraints that turn out to bind or not to.
_STEPS = 7
_SINGULAR = 1e-11  # Eigenvalues below this share of the largest are rounding.
_LONGEST = 0.5  # The longest step, by coordinate: a factor of 1.6, or half of a linear range.
# Points farther than this from the first one (a factor of 20) belong to another optimum.
_NEAR = 3.0
# The smallest slope by which what binds is guessed, and the slope of the second guess.
_FLAT = 1e-4
_EXACT = 100  # An error of this many roundings is as good as none.
# A variable this close to its end, as a share of the range, lies there; so does a constraint.
_AT_END, _AT_LIMIT = 1e-12, 1e-9


class Active(NamedTuple):
    """What binds: constraints (m,) and ends of ranges, -1 low, 1 high, 0 neither, (n,)."""

    constraint: Any
    end: Any


class Finish(NamedTuple):
    """A point with its multipliers, what binds there, and how far it is from optimal.

    Attributes:
        point: (n,).
        multipliers: Multipliers of the constraints, (m,).
        active: What binds.
        value: What is minimised and the constraints, (1 + m,).
        defect: Largest scaled error in the optimality conditions, ().
        violation: Largest violation of a constraint, there or, if less, at a point on the way, ().
    """

    point: jax.Array
    multipliers: jax.Array
    active: Active
    value: jax.Array
    defect: jax.Array
    violation: jax.Array


def active_set(
    at: Expansion, y: jax.Array, z: Multipliers, box: Ranges, equality: Any, size: Any
) -> Active:
    """What binds: where the multiplier outweighs the distance to the limit times `size`."""
    low, high = z.low > size * (y - box.low), z.high > size * (box.high - y)
    end = jnp.where(low, -1, jnp.where(high, 1, 0))
    return Active(equality | (z.constraint + size * at.value[1:] > 0), end)


def kkt_matrix(at: Expansion, z: jax.Array, active: Active) -> jax.Array:
    """The symmetric matrix of the conditions in (y, multipliers), (n + m, n + m).

    A variable at its end has a row of the identity, a constraint that does not bind its negative.
    """
    free = active.end == 0
    curvature = at.bend[0] + jnp.einsum("m,mij->ij", z, at.bend[1:])
    curvature = jnp.where(free[:, None] & free, curvature, 0.0) + jnp.diag(1.0 * ~free)
    slopes = jnp.where(active.constraint[:, None] & free, at.slope[1:], 0.0)
    return jnp.block([[curvature, slopes.T], [slopes, -jnp.diag(1.0 * ~active.constraint)]])


def solve_singular(matrix: jax.Array, right: jax.Array) -> jax.Array:
    """The shortest solution of a symmetric system, which may be singular."""
    size, vectors = jnp.linalg.eigh(matrix)
    kept = jnp.abs(size) > _SINGULAR * jnp.max(jnp.abs(size))
    return vectors @ (jnp.where(kept, 1 / jnp.where(kept, size, 1.0), 0.0) * (vectors.T @ right))


def finish(values: Values, y: jax.Array, z: Multipliers, box: Ranges, equality: Any) -> Finish:
    """Newton steps on the optimality conditions from a point near an optimum.

    Multipliers are as large as the slope of what is minimised, so what binds is guessed by that
    slope; half of the steps begin again with the guess that small multipliers bind too. The best
    of the points on the way is returned, which may be the first.

    Args:
        values: What is minimised and the constraints.
        y: The point, (n,).
        z: Its multipliers.
        box: Ends of the ranges.
        equality: Which constraints are equations, (m,) of bool.
    """
    begin = (y, z)

    def step(here: tuple[Any, ...]) -> tuple[Any, ...]:
        count, *there, best = here
        y, z = jax.tree.map(lambda x, old: jnp.where(count == _STEPS, old, x), tuple(there), begin)
        at = expand(values, y)
        best = _better(best, assess(at, y, z.constraint, box, equality), begin[0])
        slope = jnp.clip(jnp.max(jnp.abs(at.slope[0])), _FLAT, 1.0)
        size = jnp.where(count < _STEPS, slope, _FLAT)
        pull = at.slope[0] + z.constraint @ at.slope[1:]
        # Only the first point has multipliers of the ends: the others lie at them or do not.
        low, high = jnp.where(y <= box.low, pull, z.low), jnp.where(y >= box.high, -pull, z.high)
        active = active_set(at, y, Multipliers(z.constraint, low, high), box, equality, size)
        free = active.end == 0
        y = jnp.where(active.end < 0, box.low, jnp.where(active.end > 0, box.high, y))
        kept = jnp.where(active.constraint, z.constraint, 0.0)
        pull = at.slope[0] + kept @ at.slope[1:]
        right = jnp.concatenate(
            [jnp.where(free, -pull, 0.0), jnp.where(active.constraint, -at.value[1:], 0.0)]
        )
        change = solve_singular(kkt_matrix(at, kept, active), right)
        # Rounding must not take a variable off its end.
        move = jnp.where(free, change[: y.shape[0]], 0.0)
        longest = jnp.max(jnp.abs(move), initial=_LONGEST)
        y = jnp.clip(y + move * (_LONGEST / longest), box.low, box.high)
        none = jnp.zeros_like(y)
        return count + 1, y, Multipliers(kept + change[y.shape[0] :], none, none), best

    n, m = y.shape[0], z.constraint.shape[0]
    nothing = Active(jnp.zeros(m, bool), jnp.zeros(n, jnp.int32))
    bad = jnp.full((), jnp.inf, y.dtype)
    first = Finish(y, z.constraint, nothing, jnp.full(1 + m, jnp.nan, y.dtype), bad, bad)
    enough = _EXACT * jnp.finfo(y.dtype).eps
    *_, best = lax.while_loop(
        lambda here: (here[0] < 2 * _STEPS) & ~(here[-1].defect <= enough),
        step,
        (jnp.zeros((), jnp.int32), y, z, first),
    )
    return best


def _better(best: Finish, new: Finish, begin: jax.Array) -> Finish:
    """The one of two points nearer to optimal, if the new one has not strayed."""
    near = jnp.max(jnp.abs(new.point - begin)) < _NEAR
    better = (near & (new.defect < best.defect)) | jnp.any(jnp.isnan(best.value))
    winner: Finish = jax.tree.map(lambda new, old: jnp.where(better, new, old), new, best)
    # A point that meets all limits proves that they can be met, optimal or not.
    return winner._replace(violation=jnp.fmin(best.violation, new.violation))


def assess(at: Expansion, y: jax.Array, z: jax.Array, box: Ranges, equality: Any) -> Finish:
    """How far a point with multipliers (m,) is from optimal.

    Errors of the gradient are relative to the largest term in it, those of the constraints are on
    their own scale.
    """
    value, slope = at.value, at.slope
    over = value[1:]
    scale = 1 + jnp.max(jnp.abs(slope[0])) + jnp.max(jnp.abs(z[:, None] * slope[1:]), initial=0.0)
    pull = (slope[0] + z @ slope[1:]) / scale
    width = box.high - box.low
    at_low, at_high = y - box.low <= _AT_END * width, box.high - y <= _AT_END * width
    wrong = jnp.where(at_low, -pull, jnp.where(at_high, pull, jnp.abs(pull)))
    violation = jnp.max(jnp.where(equality, jnp.abs(over), over), initial=0.0)
    weight = z / (1 + jnp.max(jnp.abs(z), initial=0.0))
    slack = jnp.where(equality, 0.0, jnp.abs(jnp.minimum(weight, -over)))
    defect = jnp.max(jnp.concatenate([wrong, slack]), initial=0.0)
    end = jnp.where(at_low, -1, jnp.where(at_high, 1, 0)).astype(jnp.int32)
    return Finish(
        y,
        z,
        Active(equality | ((over > -_AT_LIMIT) & (z > 0)), end),
        value,
        jnp.maximum(defect, violation),
        violation,
    )

"""Robust losses of one residual. An objective is their weighted sum over the rows of a table.

Which one, when:

- `huber` (delta 1e-3 on log loss) is the field's default. A delta that small makes it nearly a
  sum of absolute deviations. ``huber("auto")`` sets delta to 1.345 robust standard deviations,
  the statistician's choice: more efficient when the noise is nearly Gaussian.
- `student_t` fits the noise scale together with the law. Take it when a few runs are far off and
  nobody wants to say by hand which: on the 245 Chinchilla points it gives what Huber gives only
  after five points are set aside.
- `least_squares` for clean data and for comparison with published least-squares fits.
- `absolute` for the median law.
- `custom` for a pure function of the residual of your own.

Residuals are predicted minus observed: of the log loss (``on="log"``, relative errors, the
default) or of the loss itself (``on="loss"``).
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import jax
import jax.numpy as jnp

from scalejax.amounts import Kind, read
from scalejax.errors import UsageError
from scalejax.vocabulary import argument, did_you_mean

Scale = Literal["log", "loss"]
"""What residuals are differences of: logarithms of losses, or losses."""

FIELD_DELTA = 1e-3
"""The field's Huber delta on log loss (Hoffmann et al. 2022, arXiv:2203.15556)."""

_EFFICIENT_DELTA = 1.345
"""Deltas in standard deviations at which Huber's loss keeps 95 % of the efficiency of least squares
for Gaussian noise (Holland and Welsch 1977, Communications in Statistics A6, 813-827)."""

_HUBER_SOFTER = (30.0, 10.0, 3.0)
"""Widths from the noise of training runs down to the field's delta. Of 55 flat problems that did
not end within 200 steps, 8 still did not by this way, 13 with 10 alone, 2 with twice as many."""

_ABSOLUTE_WIDTH = 1e-7
"""Half-width within which the absolute residual is rounded off: far below any noise, far above the
rounding of numbers. Set by judgement."""

_BEYOND_LOGS = 1e9
"""Larger than any difference of logarithms of floating-point numbers."""

_ABSOLUTE_SOFTER = (3e5, 1e5, 3e4, 1e4, 3e3, 1e3, 300.0, 100.0, 30.0, 10.0, 3.0)
"""The same for the absolute residual, whose width is further from the noise."""


@dataclass(frozen=True)
class Kernel:
    """The part of an objective that is compiled: hashable and free of numbers.

    Attributes:
        rho: ``rho(r, *constants)``, or ``rho(r, log_scale, *constants)`` with a fitted scale.
        log: Whether residuals are differences of log losses.
        fitted_scale: Whether the logarithm of a noise scale is fitted as well.
        softer: Factors of the first constant, falling, with which the loss is smoother: for
            problems on which the loss itself is too hard at first.
    """

    rho: Callable[..., jax.Array]
    log: bool
    fitted_scale: bool = False
    softer: tuple[float, ...] = field(default=(), compare=False)


def not_saved(*_: Any) -> jax.Array:
    """Stands in a loaded fit for an objective of the caller's own, which is not saved."""
    raise UsageError("an objective of your own is not saved with a fit: fit again with it.")


def is_saved(objective: "Objective") -> bool:
    """Whether a loaded objective is one that can be minimised: not one of the caller's own."""
    return objective.kernel.rho is not not_saved


@dataclass(frozen=True)
class Objective:
    """A loss of the residual with its constants.

    Attributes:
        name: Name for summaries and files.
        kernel: The compiled part.
        constants: Numbers passed to the kernel's rho; changing them does not recompile.
        tuning: Robust standard deviations of the residuals of a first fit that the first constant
            is set to; None if the constants stay as they are.
    """

    name: str
    kernel: Kernel
    constants: tuple[float, ...] = ()
    tuning: float | None = None

    def tuned(self, robust_scale: float) -> "Objective":
        """The same objective with its first constant set from a robust residual scale."""
        if self.tuning is None:
            return self
        return replace(
            self, constants=(self.tuning * robust_scale, *self.constants[1:]), tuning=None
        )

    def __str__(self) -> str:
        numbers = ", ".join(f"{constant:g}" for constant in self.constants)
        where = "log loss" if self.kernel.log else "loss"
        return f"{self.name}({numbers}) on {where}" if numbers else f"{self.name} on {where}"


def huber(delta: float | Literal["auto"] = FIELD_DELTA, *, on: Scale = "log") -> Objective:
    """Huber's loss: r^2/2 up to delta, delta (|r| - delta/2) beyond.

    Args:
        delta: Where the loss turns linear, in units of the residual. ``"auto"`` means 1.345
            robust standard deviations (1.4826 x median absolute residual) of a first fit.
        on: Residuals of the log loss or of the loss.
    """
    kernel = Kernel(_huber, _is_log(on), softer=_HUBER_SOFTER)
    if delta == "auto":
        return Objective("huber", kernel, (FIELD_DELTA,), _EFFICIENT_DELTA)
    return Objective("huber", kernel, (read("delta", delta, _SCALE),))


def least_squares(*, on: Scale = "log") -> Objective:
    """Half the squared residual."""
    return Objective("least_squares", Kernel(_half_square, _is_log(on)))


def absolute(*, on: Scale = "log") -> Objective:
    """The absolute residual, rounded off within 1e-7 so that it has a curvature."""
    kernel = Kernel(_rounded_absolute, _is_log(on), softer=_ABSOLUTE_SOFTER)
    return Objective("absolute", kernel, (_ABSOLUTE_WIDTH,))


def student_t(dof: float = 3.0, *, on: Scale = "log") -> Objective:
    """Negative log-likelihood of Student's t with a fitted scale, constants left out.

    Args:
        dof: Degrees of freedom; smaller means heavier tails.
        on: Residuals of the log loss or of the loss.
    """
    return Objective(
        "student_t", Kernel(_student_t, _is_log(on), fitted_scale=True), (read("dof", dof, _SCALE),)
    )


def custom(rho: Callable[[jax.Array], jax.Array], *, on: Scale = "log") -> Objective:
    """Your own loss: a pure JAX function of one residual, least at zero, twice differentiable."""
    name = getattr(rho, "__name__", "custom")
    return Objective(name, Kernel(rho, _is_log(on)))


def as_huber(objective: Objective) -> Objective:
    """An objective with the same minimum and the compiled program of `huber`, where there is one.

    Least squares is Huber's loss with a delta beyond any residual, and the absolute residual that
    with a small one, but for a factor: beside priors or a penalty the minimum is another.
    """
    kernel = objective.kernel
    if kernel.log and kernel.rho is _half_square:
        return replace(objective, kernel=replace(kernel, rho=_huber), constants=(_BEYOND_LOGS,))
    if kernel.log and kernel.rho is _rounded_absolute:
        return replace(objective, kernel=replace(kernel, rho=_huber))
    return objective


_SCALE = Kind("a number between 1e-12 and 1e12", lambda x: 1e-12 <= x <= 1e12)
"""Beyond, squares of it and of residuals are no longer of one sum; by judgement."""

NAMES = ("huber", "huber-auto", "least-squares", "absolute", "student-t")
"""Names by which `named` knows the losses."""


def named(name: str, *, on: Scale = "log") -> Objective:
    """The loss of a name with its usual constants: ``"huber"``, ``"student-t"`` ...

    Raises:
        UsageError: There is none of that name.
    """
    match name.replace("_", "-"):
        case "huber":
            return huber(on=on)
        case "huber-auto":
            return huber("auto", on=on)
        case "least-squares":
            return least_squares(on=on)
        case "absolute":
            return absolute(on=on)
        case "student-t":
            return student_t(on=on)
    near = did_you_mean(name, NAMES) or f"; there are {', '.join(NAMES)}."
    raise UsageError(f"{argument('objective')}: there is no loss {name!r}{near}")


def _huber(r: jax.Array, delta: jax.Array) -> jax.Array:
    size = jnp.abs(r)
    return jnp.where(size <= delta, 0.5 * r * r, delta * (size - 0.5 * delta))


def _half_square(r: jax.Array) -> jax.Array:
    return 0.5 * r * r


def _rounded_absolute(r: jax.Array, width: jax.Array) -> jax.Array:
    return _huber(r, width) / width


def _student_t(r: jax.Array, log_scale: jax.Array, dof: jax.Array) -> jax.Array:
    z = r * jnp.exp(-log_scale)
    return log_scale + 0.5 * (dof + 1.0) * jnp.log1p(z * z / dof)


def _is_log(on: Scale) -> bool:
    if on not in ("log", "loss"):
        raise UsageError(f'on= must be "log" or "loss", not {on!r}.')
    return on == "log"

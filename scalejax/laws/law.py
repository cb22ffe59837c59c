"""The `Law` record and the `@law` decorator that makes one from a plain function.

Write a law for one data point: inputs positional, parameters keyword-only and annotated with
their support. The result is still that function, and knows what the fit engine needs to know:

    @law(linear=("E", "A"), plausible={"alpha": (0.05, 1.5)})
    def floor_power(N, *, E: Positive, A: Positive, alpha: Positive):
        return E + A * N**-alpha

    floor_power(7e9, E=1.7, A=400.0, alpha=0.34)   # call it, jit it, vmap it, grad it

The engine projects the parameters in which the law is linear given the rest out when it looks for
starts. It finds them itself; `linear=` names them where the operations do not show them.
`plausible=` gives the range of values seen in the field, from which starts are drawn; it does not
bound the fit. `bounds=` does.
"""

import inspect
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, get_type_hints, overload

import jax.numpy as jnp
import numpy as np

from scalejax._arrays import Floats
from scalejax.errors import DataWarning, LawError
from scalejax.laws.linear import linear_parameters
from scalejax.laws.parameter import Parameter, declare_parameter
from scalejax.laws.published_set import PublishedSet
from scalejax.laws.sizes import DENSE, NOT_KNOWN, SPLITTING, Sizes
from scalejax.laws.supports import Support
from scalejax.quantities import LOSS, Quantity
from scalejax.scope import own_settings


@dataclass(frozen=True)
class Reduction:
    """What a law becomes in a limit: another law of the registry, of the same parameters.

    Attributes:
        parent: Name of the simpler law.
        at: Inputs, or parameters, of this law and the values that lead to the limit; infinity is
            allowed for inputs that the law accepts there.
    """

    parent: str
    at: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class Law:
    """A loss law: a pure function of one point with declared parameters.

    Attributes:
        function: The function as it was written.
        name: Name in the registry, in files and at the terminal.
        inputs: Names of the positional inputs, in order.
        parameters: Declared parameters by name, in order.
        declared_linear: Parameters in which the law is said to be linear given the others; None to
            find them.
        cite: Key of the source in `scalejax.laws.citations.CITATIONS`; empty for a user's law.
        about: The formula and its source in one line.
        published: Published coefficient sets by identifier.
        response: What the law gives; a loss in nats per token unless it says otherwise.
        log_base: Base of the logarithms in its formula, if it has any.
        reductions: Simpler laws that it becomes in a limit.
        prior: What the field knows of a parameter, by name: location and scale of a normal
            distribution, of the logarithm of a term's share of a typical response for linear
            positive parameters, of the support's coordinate (the logarithm of an exponent) for
            others. Forecasts use it; fits do not.
        sizes: How many of its N are active and in all, see `scalejax.laws.sizes`; None for a law
            that does not say, for which `sizes_of` speaks.
        simplex: Inputs that are the shares of one whole and add up to one.
        gauge: A parameter that then cannot be told apart from others, with the value that it is
            held at in a fit that holds none.
    """

    function: Callable[..., Any]
    name: str
    inputs: tuple[str, ...]
    parameters: Mapping[str, Parameter]
    declared_linear: tuple[str, ...] | None
    cite: str
    about: str
    published: Mapping[str, PublishedSet] = field(default_factory=dict)
    response: Quantity = LOSS
    log_base: float | None = None
    reductions: tuple[Reduction, ...] = ()
    prior: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    sizes: Sizes | None = None
    simplex: tuple[str, ...] = ()
    gauge: Mapping[str, float] = field(default_factory=dict)

    def __call__(self, *inputs: Any, **parameters: Any) -> Any:
        """Evaluate the law at one point, or elementwise on arrays that broadcast."""
        return self.function(*inputs, **parameters)

    def predict(self, published: str, **inputs: Any) -> Floats:
        """The response with the coefficients of a published set, in float64.

        Args:
            published: Identifier of the set.
            **inputs: Every input of the law, numbers or arrays that broadcast.

        Returns:
            The response, in the shape of the inputs.

        Raises:
            LawError: There is no such set, or the inputs are not those of the law.

        Warns:
            DataWarning: An input lies beyond the runs of the source, or the numbers were not seen
                in the source itself.
        """
        preset = self._published_set(published)
        if set(inputs) != set(self.inputs):
            raise LawError(f"{self.name} needs {list(self.inputs)}, not {list(inputs)}.")
        outside = [
            f"{name} is outside {low:.3g} to {high:.3g}"
            for name, (low, high) in preset.outside(inputs).items()
        ]
        if outside:
            warnings.warn(
                f"{self.name} with {preset.id}: {'; '.join(outside)}, which its runs cover.",
                DataWarning,
                stacklevel=2,
            )
        if not preset.verified:
            warnings.warn(
                f"{self.name} with {preset.id}: the numbers are unverified. {preset.note}".strip(),
                DataWarning,
                stacklevel=2,
            )
        with own_settings():
            arrays = (jnp.asarray(inputs[name], float) for name in self.inputs)
            return np.asarray(self(*arrays, **preset))

    def sizes_of(self, published: PublishedSet | None = None) -> Sizes:
        """What its N counts, or that of a published set: active and total parameters.

        Where neither declares it, N is both, unless the law has experts, granularity or sparsity:
        then it is not known.
        """
        own = self.sizes or (NOT_KNOWN if SPLITTING & set(self.inputs) else DENSE)
        return own if published is None or published.sizes is None else published.sizes

    def _published_set(self, name: str) -> PublishedSet:
        if name not in self.published:
            identifiers = ", ".join(self.published) or "none"
            raise LawError(f"{self.name} has no published set {name!r}; there are: {identifiers}.")
        return self.published[name]

    @cached_property
    def linear(self) -> tuple[str, ...]:
        """Parameters in which the law is linear given the others, declared or found."""
        if self.declared_linear is not None:
            return self.declared_linear
        supports = {name: parameter.support for name, parameter in self.parameters.items()}
        return linear_parameters(self.function, len(self.inputs), supports)

    @property
    def nonlinear(self) -> tuple[str, ...]:
        """The other parameters."""
        return tuple(name for name in self.parameters if name not in self.linear)

    def __repr__(self) -> str:
        return f"Law({self.name}: {', '.join(self.inputs)}; {', '.join(self.parameters)})"


@overload
def law(function: Callable[..., Any]) -> Law: ...
@overload
def law(
    *,
    linear: Sequence[str] | None = None,
    cite: str = "",
    plausible: Mapping[str, tuple[float, float]] | None = None,
    bounds: Mapping[str, tuple[float, float]] | None = None,
    units: Mapping[str, str] | None = None,
    published: Sequence[PublishedSet] = (),
    name: str | None = None,
    inputs: Sequence[str] | None = None,
    parameters: Mapping[str, Any] | None = None,
    about: str | None = None,
    response: Quantity = LOSS,
    log_base: float | None = None,
    reductions: Sequence[Reduction] = (),
    prior: Mapping[str, tuple[float, float]] | None = None,
    sizes: Sizes | None = None,
    simplex: Sequence[str] = (),
    gauge: Mapping[str, float] | None = None,
) -> Callable[[Callable[..., Any]], Law]: ...
def law(
    function: Callable[..., Any] | None = None,
    *,
    linear: Sequence[str] | None = None,
    cite: str = "",
    plausible: Mapping[str, tuple[float, float]] | None = None,
    bounds: Mapping[str, tuple[float, float]] | None = None,
    units: Mapping[str, str] | None = None,
    published: Sequence[PublishedSet] = (),
    name: str | None = None,
    inputs: Sequence[str] | None = None,
    parameters: Mapping[str, Any] | None = None,
    about: str | None = None,
    response: Quantity = LOSS,
    log_base: float | None = None,
    reductions: Sequence[Reduction] = (),
    prior: Mapping[str, tuple[float, float]] | None = None,
    sizes: Sizes | None = None,
    simplex: Sequence[str] = (),
    gauge: Mapping[str, float] | None = None,
) -> Law | Callable[[Callable[..., Any]], Law]:
    """Declare a law.

    Args:
        function: The law of one point. Inputs are positional, parameters keyword-only and
            annotated with `Positive`, `UnitInterval` or `Real`.
        linear: Parameters in which the law is linear given the rest. Without it they are found
            from the law's operations, see `scalejax.laws.linear`.
        cite: Citation key, usually author and year.
        plausible: Range of values per parameter from which starts are drawn. Without one a
            positive parameter is sought in 0.01 to 100 and a real one in -3 to 3.
        bounds: Range per parameter that a fit may not leave. Without one a positive parameter may
            leave its plausible range by a factor of 20, or of 1e9 if it is linear or no plausible
            range was given.
        units: Unit per parameter.
        published: Published coefficient sets.
        name: Name in the registry; the function's name if not given.
        inputs: Names of the inputs, where they are not those of the signature, or are ``*points``.
        parameters: Names and supports, where the function takes its parameters as ``**theta``.
        about: The formula in one line; the first line of the docstring if not given.
        response: What the law gives, where that is not a loss.
        log_base: Base of the logarithms in the formula, if it has any.
        reductions: Simpler laws that it becomes in a limit.
        prior: What the field knows of a parameter, for forecasts: see `Law.prior`. Without one a
            forecast takes a weak prior from `plausible`.
        sizes: How many of its N are active and in all, where a model is not dense.
        simplex: Inputs that are the shares of one whole.
        gauge: A parameter, with a value, that runs on the simplex cannot tell from others.

    Returns:
        The law, which can be called like the function.

    Raises:
        LawError: A parameter without a support, a name that is not a parameter, or a range
            outside the support; all of them in one message.
    """

    def declare(function: Callable[..., Any]) -> Law:
        signature_inputs, supports = _read_signature(function, inputs or (), parameters or {})
        ranges, limits, unit_names = plausible or {}, bounds or {}, units or {}
        _check_names(
            function,
            supports,
            {
                "linear": linear or (),
                "plausible": ranges,
                "bounds": limits,
                "units": unit_names,
                "prior": prior or {},
                "gauge": gauge or {},
            },
        )
        declared = {
            key: declare_parameter(
                key,
                support,
                plausible=ranges.get(key),
                bounds=limits.get(key),
                wide=key in (linear or ()) or key not in ranges,
                unit=unit_names.get(key, ""),
            )
            for key, support in supports.items()
        }
        for coefficients in published:
            if set(coefficients) != set(declared):
                raise LawError(
                    f"{function.__name__}: the published set {coefficients.id!r} has the "
                    f"parameters {sorted(coefficients)}, the law has {sorted(declared)}."
                )
        return Law(
            function=function,
            name=name or function.__name__,
            inputs=tuple(inputs or signature_inputs),
            parameters=declared,
            declared_linear=None if linear is None else tuple(linear),
            cite=cite,
            about=about or (inspect.getdoc(function) or "").split("\n", 1)[0],
            published={coefficients.id: coefficients for coefficients in published},
            response=response,
            log_base=log_base,
            reductions=tuple(reductions),
            prior=dict(prior or {}),
            sizes=sizes,
            simplex=tuple(simplex),
            gauge=dict(gauge or {}),
        )

    return declare if function is None else declare(function)


def _read_signature(
    function: Callable[..., Any], input_names: Sequence[str], supports_by_name: Mapping[str, Any]
) -> tuple[tuple[str, ...], dict[str, Support]]:
    hints = {**get_type_hints(function, include_extras=True), **supports_by_name}
    inputs: list[str] = []
    names = list(supports_by_name)
    complaints: list[str] = []
    for name, argument in inspect.signature(function).parameters.items():
        if argument.kind is argument.KEYWORD_ONLY:
            names.append(name)
        elif argument.kind is argument.VAR_POSITIONAL and input_names:
            inputs += input_names
        elif argument.kind is argument.VAR_KEYWORD and supports_by_name:
            continue
        elif argument.kind in (argument.VAR_POSITIONAL, argument.VAR_KEYWORD):
            complaints.append(f"{argument} is not allowed: name every input and parameter")
        else:
            inputs.append(name)
    supports = {name: _support(hints.get(name)) for name in names}
    complaints += [
        f"parameter {name!r} needs a support: annotate it with Positive, UnitInterval or Real"
        for name, support in supports.items()
        if support is None
    ]
    if not inputs:
        complaints.append("there is no input: write them before the *")
    if not supports and not complaints:
        complaints.append("there is no parameter: write them after the *, with their support")
    if complaints:
        raise LawError(f"{function.__name__} is not a law: {'; '.join(complaints)}.")
    return tuple(inputs), {
        name: support for name, support in supports.items() if support is not None
    }


def _support(annotation: Any) -> Support | None:
    marks = getattr(annotation, "__metadata__", ())
    return next((mark for mark in marks if isinstance(mark, Support)), None)


def _check_names(
    function: Callable[..., Any],
    supports: Mapping[str, Support],
    options: Mapping[str, Iterable[str]],
) -> None:
    unknown = [
        f"{option}= names {name!r}"
        for option, names in options.items()
        for name in names
        if name not in supports
    ]
    if unknown:
        raise LawError(
            f"{function.__name__}: {'; '.join(unknown)}, but the parameters are {list(supports)}."
        )

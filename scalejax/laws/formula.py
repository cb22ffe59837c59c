"""Laws from text: ``formula_law("E + A/N**alpha + B/D**beta")``, at the terminal ``--formula``.

Use one to try a form without writing a file, or to keep a form in a configuration; for a law with
units, published coefficients or other functions write a Python function with `scalejax.law`.

N, D, C, U, the bits and the block are inputs, other names are positive parameters. Exceptions
follow the formula, after ``where``, and are part of the text:

    E + A/N**alpha + c*log(D) + k*bits where bits input, c real, alpha in 0.1:1, k within 0:2

- ``x input``: a column of the table,
- ``c real``, ``f unit``, ``A positive``: the support of a parameter,
- ``alpha in 0.1:1``: its plausible range, from which starts are drawn,
- ``k within 0:2``: bounds, which a fit may not leave,
- ``A linear``: a parameter that is projected out when starts are sought. Once one is named, only
  those named are; without any, the form of the law tells which are linear.

The text is checked and turned into a function by `scalejax.laws.expression`, which never runs it:
it may come from a file or a stranger. The same text always gives the same law.
"""

import ast
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from scalejax.errors import LawError
from scalejax.laws.expression import (
    FUNCTIONS,
    MAX_CHARACTERS,
    Values,
    affine_in,
    evaluator,
    names_in,
    parse,
)
from scalejax.laws.law import Law
from scalejax.laws.parameter import Parameter, declare_parameter
from scalejax.laws.supports import positive, real, unit_interval
from scalejax.quantities import QUANTITIES

PREFIX = "formula:"
"""What the name of a law begins with if the rest is a formula."""

_WHERE = " where "
_SUPPORTS = {"positive": positive, "real": real, "unit": unit_interval}
_INPUTS = ("N", "D", "C", "U", "P_w", "P_a", "P_kv", "P_post", "E_bits", "M_bits", "block")
_CONSTANTS = ("pi", "Pi", "PI", "e", "nan", "NaN", "inf", "Inf", "infinity", "Infinity")
_RESERVED = {
    "loss": "it is what the law predicts",
    "self": "Python needs the word",
    **dict.fromkeys(_CONSTANTS, "it reads as a constant and would be fitted; write the number"),
}
_EXPONENT, _COEFFICIENT = (0.05, 1.5), (1.0, 1e5)
_CLAUSE = re.compile(
    r"(?P<name>\w+) (?:(?P<word>input|linear|positive|real|unit)"
    r"|(?P<kind>in|within) (?P<low>[-+.\deE]+):(?P<high>[-+.\deE]+))",
    re.ASCII,
)

Range = tuple[float, float]


def formula_law(
    text: str,
    *,
    inputs: Sequence[str] = (),
    plausible: Mapping[str, Range] | None = None,
    bounds: Mapping[str, Range] | None = None,
    linear: Sequence[str] = (),
    supports: Mapping[str, str] | None = None,
    name: str = "formula",
) -> Law:
    """A law from a text formula; see the module for what may be in it.

    Args:
        text: Such as ``"E + A/N**alpha + c*log(D) where c real"``. Allowed are numbers, names,
            ``+ - * / **``, brackets and calls of exp, log, log1p, expm1, sqrt, logaddexp, minimum
            and maximum.
        inputs: Names that are inputs beside those of `scalejax.quantities`.
        plausible: Range per parameter from which starts are drawn. Without one it follows from the
            role: 0.05 to 1.5 for what occurs in exponents only, 1 to 1e5 for the coefficient of a
            power of an input, the range of the input for what it is added to or divided by, else
            that of the support.
        bounds: Range per parameter that a fit may not leave.
        linear: Parameters in which the law is linear given the rest; without any, the form of the
            law tells.
        supports: ``"real"``, ``"unit"`` or ``"positive"`` (the default) per parameter.
        name: Name of the law in files and summaries.

    Returns:
        The law. Its inputs are in the order of the vocabulary, others and the parameters in the
        order of the formula. ``about`` is the text with all options, from which it can be made
        again.

    Raises:
        LawError: E301 the formula has something that is not allowed; E302 something is wrong with
            a name or its options, all of them in one message.
    """
    if not isinstance(text, str):
        raise LawError(f"E301 a formula is text, not {type(text).__name__}.")
    clauses = ", ".join(
        [
            *(f"{key} input" for key in inputs),
            *(f"{key} {support}" for key, support in (supports or {}).items()),
            *(f"{key} in {low}:{high}" for key, (low, high) in (plausible or {}).items()),
            *(f"{key} within {low}:{high}" for key, (low, high) in (bounds or {}).items()),
            *(f"{key} linear" for key in linear),
        ]
    )
    if len(text) + len(clauses) > MAX_CHARACTERS:
        raise LawError(f"E301 a formula has at most {MAX_CHARACTERS:,} characters.")
    text = " ".join(text.split())
    if clauses:
        text = f"{text}{', ' if _WHERE in text else _WHERE}{clauses}"
    return _law_of(text, name)


def formula_spec(law: Law) -> str | None:
    """The text from which `scalejax.find_law` makes a law again; None if it is no formula."""
    return f"{PREFIX} {law.about}" if isinstance(law.function, _Formula) else None


@dataclass(frozen=True)
class _Formula:
    """The function of a law: inputs by position, parameters by name."""

    inputs: tuple[str, ...]
    evaluate: Callable[[Values], Any]

    def __call__(self, *values: Any, **parameters: Any) -> Any:
        return self.evaluate({**dict(zip(self.inputs, values, strict=True)), **parameters})


@dataclass
class _Options:
    """What the text says about its names, and what is wrong with it."""

    inputs: list[str] = field(default_factory=list)
    linear: list[str] = field(default_factory=list)
    supports: dict[str, str] = field(default_factory=dict)
    plausible: dict[str, Range] = field(default_factory=dict)
    bounds: dict[str, Range] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)


# Large enough for any study, by judgement: the same object spares a second compilation.
@lru_cache(maxsize=1024)
def _law_of(text: str, name: str) -> Law:
    formula, _, where = text.partition(_WHERE)
    tree = parse(formula)
    options = _read_options(where)
    symbols = names_in(tree)
    inputs = tuple(key for key in _INPUTS if key in symbols)
    inputs += tuple(key for key in symbols if key in options.inputs and key not in inputs)
    names = tuple(key for key in symbols if key not in inputs)
    complaints = [*options.complaints, *_wrong_names(symbols, inputs, names, options)]
    linear = tuple(key for key in names if key in options.linear)
    if not complaints and not affine_in(tree, linear):
        complaints.append(f"the law is not linear in {', '.join(linear)} together")
    if not options.linear:
        linear = _linear_parameters(tree, names, options.supports)
    parameters = {} if complaints else _declare(tree, inputs, names, linear, options, complaints)
    if complaints:
        raise LawError(f"E302 in the formula {text[:60]!a}: {'; '.join(complaints)}.")
    return Law(
        function=_Formula(inputs, evaluator(tree)),
        name=name,
        inputs=inputs,
        parameters=parameters,
        declared_linear=linear,
        cite="",
        about=text,
    )


def _read_options(where: str) -> _Options:
    options = _Options()
    for clause in filter(None, (part.strip() for part in where.split(","))):
        match = _CLAUSE.fullmatch(clause)
        if match is None:
            options.complaints.append(
                f"{clause[:40]!a} is not understood; write 'x input', 'c real', 'f unit', "
                "'A linear', 'alpha in 0.1:1' or 'A within 1:100'"
            )
            continue
        key, word = match["name"], match["word"]
        if word in ("input", "linear"):
            (options.inputs if word == "input" else options.linear).append(key)
            continue
        kind = match["kind"]
        ranges: dict[str, Any] = {"in": options.plausible, "within": options.bounds}.get(
            kind, options.supports
        )
        if key in ranges:
            options.complaints.append(f"{clause!r} says again what was said about {key!r}")
        ranges[key] = word or _range(match["low"], match["high"], clause, options.complaints)
    return options


def _range(low: str, high: str, clause: str, complaints: list[str]) -> Range:
    try:
        ends = float(low), float(high)
    except ValueError:
        ends = math.nan, math.nan
    if not all(map(math.isfinite, ends)):
        complaints.append(f"{clause!r} needs two finite numbers")
    return ends


def _wrong_names(
    symbols: Sequence[str], inputs: Sequence[str], names: Sequence[str], options: _Options
) -> Iterator[str]:
    for key in symbols:
        if key in FUNCTIONS:
            yield f"{key!r} is a function and needs its arguments in brackets"
        elif key.startswith("_"):
            yield f"{key!r} begins with an underscore"
        elif key in _RESERVED:
            yield f"{key!r} is no name to choose: {_RESERVED[key]}"
    if not inputs:
        yield f"there is no input: {', '.join(_INPUTS)} are, others are named by 'x input'"
    if not names:
        yield "there is no parameter"
    about = [*options.linear, *options.supports, *options.plausible, *options.bounds]
    for key in dict.fromkeys([*options.inputs, *about]):
        if key not in symbols:
            yield f"{key!r} is not in the formula"
        elif key in inputs and key in about:
            yield f"{key!r} is an input and has no options of a parameter"


def _linear_parameters(
    tree: ast.expr, names: Sequence[str], supports: Mapping[str, str]
) -> tuple[str, ...]:
    """Parameters in which the law is linear together, collected in the order of the formula.

    Those in the unit interval do not count: the projection could leave it.
    """
    linear: list[str] = []
    for name in names:
        if supports.get(name) != "unit" and affine_in(tree, [*linear, name]):
            linear.append(name)
    return tuple(linear)


def _declare(
    tree: ast.expr,
    inputs: Sequence[str],
    names: Sequence[str],
    linear: Sequence[str],
    options: _Options,
    complaints: list[str],
) -> dict[str, Parameter]:
    parameters = {}
    exponents, scales = _exponents(tree), _scales(tree, inputs)
    for name in names:
        support = _SUPPORTS[options.supports.get(name, "positive")]
        plausible = options.plausible.get(name)
        if plausible is None and name in exponents and support is not unit_interval:
            plausible = _EXPONENT
        elif plausible is None and support is positive:
            plausible = scales.get(name)
        narrow = name in options.plausible or name in exponents
        try:
            parameters[name] = declare_parameter(
                name,
                support,
                plausible=plausible,
                bounds=options.bounds.get(name),
                wide=name in linear or not narrow,
            )
        except LawError as error:
            complaints.append(str(error).rstrip("."))
    return parameters


def _exponents(tree: ast.expr) -> set[str]:
    """Names that occur in exponents and nowhere else."""
    powers = [n for n in ast.walk(tree) if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Pow)]
    inside = {id(n) for power in powers for n in ast.walk(power.right)}
    every = [n for n in ast.walk(tree) if isinstance(n, ast.Name)]
    outside = {n.id for n in every if id(n) not in inside}
    return {n.id for n in every} - outside


def _scales(tree: ast.expr, inputs: Sequence[str]) -> dict[str, Range]:
    """Plausible ranges of names beside an input (Nc in Nc/N) or one of its powers (A in A/N**a)."""
    sides = [
        (one.id, node.op, other)
        for node in ast.walk(tree)
        if isinstance(node, ast.BinOp)
        for one, other in ((node.left, node.right), (node.right, node.left))
        if isinstance(one, ast.Name)
    ]
    ranges: dict[str, Range] = {}
    for name, op, other in sides:
        match op, other:
            case ast.Mult() | ast.Div(), ast.BinOp(ast.Name(id=x), ast.Pow()) if x in inputs:
                ranges.setdefault(name, _COEFFICIENT)
            case ast.Add() | ast.Sub() | ast.Div(), ast.Name(id=x) if x in inputs:
                if x in QUANTITIES:
                    ranges.setdefault(name, QUANTITIES[x].plausible)
    return ranges

"""The schema of the TOML file of a study; a file is refused with all its faults at once.

A `Reader` checks and converts one value. Readers are made of others: `kind` and `choice` for single
values, `several`, `mapping` and `record` for lists and tables.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from inspect import signature
from itertools import chain
from typing import Any, TypeVar

from scalejax.amounts import FINITE, LEVEL, NOT_NEGATIVE, PART, SHARE, Kind, bounds, fits, short
from scalejax.amounts import read as read_number
from scalejax.amounts import whole as read_whole
from scalejax.data import load_table
from scalejax.errors import ScalejaxError, UsageError
from scalejax.laws import PREFIX
from scalejax.objectives import Objective, absolute, huber, least_squares, student_t
from scalejax.studies.study import RESAMPLINGS, Recipe, Study
from scalejax.studies.subsets import CHOICES, Subset, subset_grid

T = TypeVar("T")
Reader = Callable[[Any], T]
"""Converts a plain value to what the library uses, or raises `Wrong`."""


class Wrong(Exception):
    """All that is wrong with a value, in words that follow its name: " must be text, not 3"."""


def kind(words: str, fits: Callable[[Any], bool], use: Callable[[Any], T]) -> Reader[T]:
    """Reads a value that `fits` accepts and `words` describe; None stands for a missing one."""

    def read(value: Any) -> T:
        if value is None:
            raise Wrong(" is missing")
        if not fits(value):
            raise Wrong(f" must be {words}, not {short(value)}")
        return use(value)

    return read


def choice(names: Sequence[str]) -> Reader[str]:
    """Reads one of some names."""
    return kind(f"one of {', '.join(names)}", lambda x: x in tuple(names), str)


def amount(reads: Callable[[Any], T]) -> Reader[T]:
    """Reads a number by a function of `scalejax.amounts`: text may have a suffix, as elsewhere."""

    def read(value: Any) -> T:
        if value is None:
            raise Wrong(" is missing")
        try:
            return reads(value)
        except UsageError as error:
            raise Wrong(f" {str(error).removeprefix('it ').removesuffix('.')}") from None

    return read


def number(of: Kind = FINITE) -> Reader[float]:
    """Reads a number of a kind."""
    return amount(partial(read_number, "", kind=of))


whole = amount(partial(read_whole, ""))
text = kind("text", lambda x: isinstance(x, str), str)
flag = kind("true or false", lambda x: isinstance(x, bool), bool)
table = kind("a table", lambda x: isinstance(x, Mapping), dict[str, Any])


def parts(values: Mapping[Any, Any], readers: Mapping[Any, Reader[T]]) -> dict[Any, T]:
    """The items of a table or list, each read by the reader of its name or number."""
    result, problems = {}, []
    for name, value in values.items():
        if name not in readers:
            problems.append(f": {name!r} is not known; known are {', '.join(readers)}")
            continue
        try:
            result[name] = readers[name](value)
        except Wrong as error:
            place = f"[{name}]" if isinstance(name, int) else f".{name}"
            problems += [place + words for words in error.args]
    if problems:
        raise Wrong(*problems)
    return result


def several(reader: Reader[T]) -> Reader[list[T]]:
    """Reads one value or a list of them."""

    def read(value: Any) -> list[T]:
        values = dict(enumerate(value if isinstance(value, list) else [value]))
        return list(parts(values, dict.fromkeys(values, reader)).values())

    return read


def mapping(reader: Reader[T]) -> Reader[dict[str, T]]:
    """Reads a table whose keys are any names, all values by one reader."""
    return lambda value: parts(table(value), dict.fromkeys(table(value), reader))


def record(make: Callable[..., T], **fields: Reader[Any]) -> Reader[T]:
    """Reads a table of the arguments of `make`."""

    def read(value: Any) -> T:
        arguments = parts(table(value), fields)
        try:
            return make(**arguments)
        except ScalejaxError as error:
            raise Wrong(f": {error}") from None

    return read


_scale = choice(["log", "loss"])
_OBJECTIVES = {
    "huber": record(huber, delta=number(), on=_scale),
    "least-squares": record(least_squares, on=_scale),
    "absolute": record(absolute, on=_scale),
    "student-t": record(student_t, dof=number(), on=_scale),
}


def _objective(value: Any) -> Objective:
    """``"huber"`` or ``{name = "student-t", dof = 4}``."""
    options = dict(value) if isinstance(value, Mapping) else {"name": value}
    return _OBJECTIVES[choice([*_OBJECTIVES])(options.pop("name", None))](options)


def _own(spec: Any) -> bool:
    """Whether a law is one of which the name leads to code: module:name or file.py:name."""
    return isinstance(spec, str) and ":" in spec and not spec.startswith(PREFIX)


def _refuse_code(document: Mapping[str, Any], laws: Collection[str]) -> None:
    """Refuse laws that are code, unless the caller himself named them.

    Raises:
        UsageError: The file names one.
    """
    listed, recipes = document.get("laws", []), document.get("recipe", [])
    specs = [*(listed if isinstance(listed, list) else [listed])]
    for recipe in recipes if isinstance(recipes, list) else [recipes]:
        specs.append(recipe.get("law") if isinstance(recipe, Mapping) else None)
    unnamed = dict.fromkeys(spec for spec in specs if _own(spec) and spec not in laws)
    if unnamed:
        raise UsageError(
            f"it names code to run, {', '.join(map(repr, unnamed))}, and a file runs no code. If "
            f"you trust that code, name it: --laws {next(iter(unnamed))}, or laws= in Python."
        )


def _is_run(x: Any) -> bool:
    return isinstance(x, str) or (
        isinstance(x, Mapping) and all(isinstance(v, str) or fits(v) for v in x.values())
    )


_run_to_come = kind(
    'a run such as { N = "70B", D = "1.4T" }, or a multiple of the largest compute such as "10x"',
    _is_run,
    lambda x: x if isinstance(x, str) else dict(x),
)
_recipe = record(
    Recipe,
    law=text,
    label=text,
    objective=_objective,
    fixed=mapping(number()),
    tied=mapping(text),
    bounds=mapping(amount(partial(bounds, ""))),
)


def _models(value: Any) -> int | None:
    return None if value == "all" else whole(value)


_subsets = record(
    subset_grid,
    models=several(_models),
    choose=several(choice(CHOICES)),
    drop=several(number(NOT_NEGATIVE)),
    since=several(number(PART)),
    until=several(number(PART)),
    own=several(number(PART)),
    draws=whole,
)
_OF_THE_STUDY = ("source", "inputs", "by", "run", "n_parameters", "constant", "positive")
_TABLE = [name for name in signature(load_table).parameters if name not in _OF_THE_STUDY]


def _study(
    data: str | None = None,
    table: Mapping[str, Any] | None = None,
    laws: Sequence[Recipe] = (),
    recipe: Sequence[Recipe] = (),
    subsets: Sequence[tuple[Subset, ...]] = (),
    **options: Any,
) -> tuple[Study, str | None, dict[str, Any]]:
    """What `read` returns, from the keys of the file."""
    distinct = tuple(dict.fromkeys(chain(*subsets))) or (Subset(),)
    study = Study(recipes=(*laws, *recipe), subsets=distinct, **options)
    return study, data, dict(table or {})


_file = record(
    _study,
    data=text,
    # `load_table` says what is wrong with the values.
    table=record(dict, **dict.fromkeys(_TABLE, lambda value: value)),
    laws=several(lambda value: _recipe({"law": text(value)})),
    recipe=several(lambda value: _recipe({"law": None} | table(value))),
    subsets=several(_subsets),
    by=several(text),
    run=text,
    target=flag,
    target_part=number(SHARE),
    resamples=whole,
    resampling=choice(RESAMPLINGS),
    seed=whole,
    level=number(LEVEL),
    max_steps=whole,
    forecast_at=_run_to_come,
)


def read(
    document: Mapping[str, Any], laws: Collection[str] = ()
) -> tuple[Study, str | None, dict[str, Any]]:
    """The study, its data and the options of its table.

    Args:
        document: The file as plain values.
        laws: Laws of your own, as ``module:name`` or ``file.py:name``, that the file may name.

    Raises:
        UsageError: Something is not known, has the wrong type or cannot be fitted.
    """
    _refuse_code(document, laws)
    try:
        return _file(document)
    except Wrong as error:
        wrong = [words.lstrip(".: ") for words in error.args]
    heading = [f"{len(wrong)} problems"] if len(wrong) > 1 else []
    raise UsageError("\n  ".join(heading + wrong))

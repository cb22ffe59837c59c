"""What the TOML file of a study may say, with all that is wrong with it said at once."""

from collections.abc import Callable, Mapping, Sequence
from inspect import signature
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, NonNegativeInt, ValidationError

from scalejax.data import load_table
from scalejax.errors import ScalejaxError, UsageError
from scalejax.objectives import Objective, absolute, huber, least_squares, student_t
from scalejax.studies.study import Recipe, Resampling, Study
from scalejax.studies.subsets import Choice, Subset, subset_grid

_OBJECTIVES = {
    "huber": huber,
    "least-squares": least_squares,
    "absolute": absolute,
    "student-t": student_t,
}

_OF_THE_STUDY = ("source", "inputs", "group", "cluster", "n_parameters", "constant", "positive")
_TABLE = [name for name in signature(load_table).parameters if name not in _OF_THE_STUDY]


def _listed(given: Any) -> list[Any]:
    return list(given) if isinstance(given, list) else [given]


def _all_is_none(given: Any) -> Any:
    return None if given == "all" else given


def _objective(given: Any) -> Objective:
    """``"huber"`` or ``{name = "student-t", dof = 4}``."""
    options = dict(given) if isinstance(given, Mapping) else {"name": given}
    name = options.pop("name", None)
    if name not in _OBJECTIVES:
        raise ValueError(f"an objective is one of {', '.join(_OBJECTIVES)}")
    try:
        return _OBJECTIVES[name](**options)
    except (TypeError, UsageError) as error:
        raise ValueError(str(error)) from None


_OneOrMore = BeforeValidator(_listed)
_Floats = Annotated[list[float], _OneOrMore]
_Words = Annotated[list[str], _OneOrMore]
_Models = Annotated[NonNegativeInt | None, BeforeValidator(_all_is_none)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    def given(self) -> dict[str, Any]:
        """What the file says, without what it leaves to the defaults."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class _Recipe(_Part):
    """``[[recipe]]``, see `Recipe`."""

    law: str
    label: str = ""
    objective: Annotated[Objective | None, BeforeValidator(_objective)] = None
    fixed: dict[str, float] = {}
    tied: dict[str, str] = {}
    bounds: dict[str, tuple[float, float]] = {}


class _Grid(_Part):
    """``[subsets]``, see `subset_grid`."""

    models: Annotated[list[_Models], _OneOrMore] = [Subset.models]
    choose: Annotated[list[Choice], _OneOrMore] = [Subset.choose]
    drop: _Floats = [Subset.drop]
    since: _Floats = [Subset.since]
    until: _Floats = [Subset.until]
    own: _Floats = [Subset.own]
    draws: NonNegativeInt = 1


class _File(_Part):
    """The file, see `Study`."""

    data: str | None = None
    table: dict[str, Any] = {}
    laws: _Words = []
    recipe: list[_Recipe] = []
    subsets: Annotated[list[_Grid], _OneOrMore] = [_Grid()]
    by: _Words = []
    run: str | None = Study.run
    target: bool = Study.target
    target_part: float = Study.target_part
    resamples: NonNegativeInt = Study.resamples
    resampling: Resampling = Study.resampling
    seed: NonNegativeInt = Study.seed
    level: float = Study.level
    max_steps: NonNegativeInt = Study.max_steps


def read(given: Mapping[str, Any]) -> tuple[Study, str | None, dict[str, Any]]:
    """The study, its data and the options of its table.

    Args:
        given: The file as plain values.

    Raises:
        UsageError: Something is not known, has the wrong type or cannot be fitted.
    """
    try:
        file = _File.model_validate(given)
    except ValidationError as error:
        said = [_complaint(entry) for entry in error.errors(include_url=False)]
        raise _refusal(said) from None
    wrong: list[str] = []

    def tried(place: str, make: Callable[..., Any], **options: Any) -> list[Any]:
        try:
            return [make(**options)]
        except ScalejaxError as error:
            wrong.append(f"{place}: {error}")
            return []

    asked = {f"laws[{k}]": {"law": law} for k, law in enumerate(file.laws)}
    asked |= {f"recipe[{k}]": recipe.given() for k, recipe in enumerate(file.recipe)}
    recipes = [x for place, options in asked.items() for x in tried(place, Recipe, **options)]
    grids = [
        grid
        for k, given in enumerate(file.subsets)
        for grid in tried(f"subsets[{k}]", subset_grid, **given.given())
    ]
    subsets = tuple(dict.fromkeys(subset for grid in grids for subset in grid))
    unknown = [name for name in file.table if name not in _TABLE]
    if unknown:
        wrong.append(f"[table] has {', '.join(unknown)}; known are {', '.join(_TABLE)}")
    options = file.given()
    for name in ("data", "table", "laws", "recipe", "subsets"):
        options.pop(name, None)
    if asked and not recipes:
        # A stand-in, so that what is wrong with the rest is said too.
        recipes = [Recipe("chinchilla")]
    study = tried("study", Study, recipes=recipes, subsets=subsets or (Subset(),), **options)
    if wrong:
        raise _refusal(wrong)
    return study[0], file.data, file.table


def _refusal(wrong: Sequence[str]) -> UsageError:
    lines = list(wrong) if len(wrong) == 1 else [f"{len(wrong)} problems", *wrong]
    return UsageError("\n  ".join(lines))


def _complaint(entry: Any) -> str:
    """Where and what, such as ``subsets[0].models[1]: Input should be ...``."""
    place = ""
    for part in entry["loc"]:
        place += f"[{part}]" if isinstance(part, int) else f".{part}" if place else str(part)
    words = entry["msg"].removeprefix("Value error, ")
    if entry["type"] == "extra_forbidden":
        parts: dict[Any, type[_Part]] = {"recipe": _Recipe, "subsets": _Grid}
        part = parts[entry["loc"][0]] if len(entry["loc"]) > 1 else _File
        return f"{place!r} is not known; known are {', '.join(part.model_fields)}"
    if entry["type"] == "missing":
        return f"{place} is missing"
    return f"{place}: {words}, not {entry['input']!r}"

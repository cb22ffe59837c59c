"""Studies in files: from TOML as a person writes it, and from plain values as a job keeps it."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scalejax.errors import UsageError
from scalejax.fitting.record import law_of, objective_of
from scalejax.laws import Law
from scalejax.objectives import Objective, absolute, huber, least_squares, student_t
from scalejax.studies.study import Recipe, Study
from scalejax.studies.subsets import Subset, subset_grid

_OBJECTIVES = {
    "huber": huber,
    "least-squares": least_squares,
    "absolute": absolute,
    "student-t": student_t,
}
_RECIPE = ("law", "label", "objective", "fixed", "tied", "bounds")
_GRID = ("models", "choose", "drop", "since", "until", "own", "draws")
_STUDY = ("by", "run", "target", "target_part", "resamples", "resampling", "seed", "level")
_FILE = ("data", "table", "laws", "recipe", "subsets", "max_steps", *_STUDY)


class StudyFile:
    """A study as its TOML file declares it.

    Attributes:
        study: The study.
        data: File or named dataset that it is about; None if the file does not say.
        table_options: Arguments of `scalejax.load_table`.
    """

    def __init__(self, path: str | Path) -> None:
        """Read a file.

        Raises:
            UsageError: It cannot be read, or says something that is not known.
        """
        self.path = Path(path)
        try:
            given = tomllib.loads(self.path.read_text(encoding="utf-8"))
        except OSError as error:
            raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise UsageError(f"{path} is not valid TOML: {error}.") from error
        try:
            _known(given, _FILE, "it")
            self.study = _study(given)
        except TypeError as error:
            raise UsageError(f"{path}: {error}.") from error
        except UsageError as error:
            raise UsageError(f"{path}: {error}") from error
        self.data: str | None = given.get("data")
        self.table_options: dict[str, Any] = given.get("table", {})


def study_of(saved: Mapping[str, Any], laws: Mapping[str, str | Law] | None = None) -> Study:
    """The study that `Study.describe` described.

    Args:
        saved: The plain values.
        laws: Laws of the caller's own by the name that was saved, as far as their modules are not
            imported yet: no code that a file names is run.

    Raises:
        LawError: A law is not to be found, or is another one.
    """
    recipes = tuple(
        Recipe(
            law=law_of(recipe, (laws or {}).get(recipe["law"]["spec"])),
            objective=objective_of(recipe["objective"]),
            fixed=recipe["fixed"],
            tied=recipe["tied"],
            bounds={name: (low, high) for name, (low, high) in recipe["bounds"].items()},
            label=recipe["label"],
        )
        for recipe in saved["recipes"]
    )
    subsets = tuple(Subset(**subset) for subset in saved["subsets"])
    return Study(**{**saved, "recipes": recipes, "by": tuple(saved["by"]), "subsets": subsets})


def _study(given: Mapping[str, Any]) -> Study:
    recipes = [Recipe(law) for law in _listed(given.get("laws", []))]
    for table in given.get("recipe", []):
        _known(table, _RECIPE, "[[recipe]]")
        if "law" not in table:
            raise UsageError("each [[recipe]] needs a law.")
        recipes.append(Recipe(**{**table, "objective": _objective(table.get("objective"))}))
    grids = given.get("subsets", {})
    subsets: list[Subset] = []
    for grid in grids if isinstance(grids, list) else [grids]:
        _known(grid, _GRID, "[subsets]")
        subsets += subset_grid(**{name: _values(name, grid[name]) for name in grid})
    options = {name: given[name] for name in (*_STUDY, "max_steps") if name in given}
    return Study(recipes=tuple(recipes), subsets=tuple(dict.fromkeys(subsets)), **options)


def _objective(given: Any) -> Objective | None:
    """``"huber"`` or ``{name = "student-t", dof = 4}``."""
    if given is None:
        return None
    options = dict(given) if isinstance(given, Mapping) else {"name": given}
    name = options.pop("name", None)
    if name not in _OBJECTIVES:
        raise UsageError(f"objective is one of {', '.join(_OBJECTIVES)}, not {name!r}.")
    return _OBJECTIVES[name](**options)


def _values(name: str, given: Any) -> Any:
    """One or several choices; ``"all"`` runs are None."""
    if name == "draws":
        return given
    return [None if value == "all" else value for value in _listed(given)]


def _listed(given: Any) -> list[Any]:
    return list(given) if isinstance(given, list) else [given]


def _known(given: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    unknown = [name for name in given if name not in known]
    if unknown:
        raise UsageError(
            f"{where} names {', '.join(map(repr, unknown))}; known are {', '.join(known)}."
        )

"""Studies from files: the TOML that a person writes, and the plain values in a job's folder."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from scalejax.documents import DocumentError, read_document
from scalejax.errors import UsageError
from scalejax.fitting import objective_of
from scalejax.laws import Law, law_of
from scalejax.studies.schema import read
from scalejax.studies.study import Recipe, Study
from scalejax.studies.subsets import Subset


class StudyFile:
    """A study as its TOML file declares it.

    Attributes:
        study: The study.
        data: File or named dataset that it is about; None if the file does not say.
        table_options: Arguments of `scalejax.load_table`.
    """

    def __init__(self, path: str | Path, laws: Collection[str] = ()) -> None:
        """Read a file.

        Args:
            path: The file.
            laws: Laws of your own that the file may name, as ``module:name`` or ``file.py:name``:
                their code is run. No other code that a file names is.

        Raises:
            UsageError: It cannot be read, or has an unknown key or a wrong value; all at once.
        """
        self.path = Path(path)
        try:
            document = read_document(self.path)
        except OSError as error:
            raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
        except DocumentError as error:
            raise UsageError(f"{path} is not valid TOML: {error}.") from error
        try:
            self.study, self.data, self.table_options = read(document, laws)
            if isinstance(runs := self.table_options.get("runs"), str):
                self.table_options["runs"] = str(self.path.parent / runs)
        except UsageError as error:
            raise UsageError(f"{path}: {error}") from error


def study_of(saved: Mapping[str, Any], laws: Mapping[str, str | Law] | None = None) -> Study:
    """The study that `Study.describe` described.

    Args:
        saved: The plain values.
        laws: Laws of your own by the name that was saved, if their modules are not imported yet: no
            code that a file names is run.

    Raises:
        LawError: A law is not to be found, or is another one.
    """
    recipes = tuple(
        Recipe(
            law=law_of(recipe["law"], (laws or {}).get(recipe["law"]["spec"])),
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

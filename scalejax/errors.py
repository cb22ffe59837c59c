"""Exceptions and warnings: what is wrong, where, and what to do.

`InputError` is raised on the host before anything compiles and carries *all* problems that were
found, each with a stable code, the column, the rows and a remedy. `LawError` is for a law that
cannot be declared or loaded, `UsageError` for an impossible combination of arguments, and
`FitWarning` for soft trouble that a person should read.
"""

from collections.abc import Sequence
from dataclasses import dataclass


class ScalejaxError(Exception):
    """Base of every error that scalejax raises on purpose."""


class LawError(ScalejaxError):
    """A law is declared wrongly, unknown, or cannot be loaded."""


class UsageError(ScalejaxError, ValueError):
    """Arguments that cannot be combined or are out of range."""


class DiskError(ScalejaxError, OSError):
    """A file or folder cannot be written: the disk is full, or nobody may write there."""


class FitWarning(UserWarning):
    """A result that is usable but should be read with care."""


class DataWarning(UserWarning):
    """Data that can be fitted but look suspicious."""


@dataclass(frozen=True)
class InputProblem:
    """One thing that is wrong with the input.

    Attributes:
        code: Stable identifier such as ``"E101"``; codes starting with ``W`` are warnings.
        message: What is wrong and what to do, in one or two sentences.
        column: The user's own column name, if the problem has one.
        rows: Row numbers as a person counts them: 1 is the first row of data below the header.
        mend: Keywords with which the table is read rightly, where one remedy is plainly it.
    """

    code: str
    message: str
    column: str | None = None
    rows: tuple[int, ...] = ()
    mend: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        where = f" column {self.column!r}" if self.column is not None else ""
        if self.rows:
            first = ", ".join(str(row) for row in self.rows[:5])
            more = f" and {len(self.rows) - 5} more" if len(self.rows) > 5 else ""
            where += f" row{'s' if len(self.rows) > 1 else ''} {first}{more}"
        return f"{self.code}{where}: {self.message}"


class InputError(ScalejaxError, ValueError):
    """The data cannot be fitted as they are. `problems` lists every reason."""

    def __init__(self, problems: Sequence[InputProblem], source: str = "the data") -> None:
        self.problems = tuple(problems)
        self.source = source
        count = len(self.problems)
        head = f"{count} problem{'s' if count != 1 else ''} in {source}:"
        super().__init__("\n  ".join([head, *(str(problem) for problem in self.problems)]))

"""`Check`: all that can be said of a table before it is fitted; `check` makes one.

What each column was taken for, what was set aside, what is wrong or odd, which runs are out of line
with a first fit, which laws could be fitted, and what to type next. Everything is read as
`scalejax.fit` reads it (`scalejax.fitting.entry`), so that what passes here is fitted there.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any, Unpack

from scalejax.codes import CODES
from scalejax.data import DROPPABLE, Inspection, TableOptions
from scalejax.engine import ObjectiveLike
from scalejax.errors import InputProblem
from scalejax.files import plain
from scalejax.fitting.entry import Terms, enter
from scalejax.fitting.first_fit import OddRuns, odd_runs_of
from scalejax.keywords import keywords
from scalejax.laws import LAWS, Law, LawChoice, formula_of, laws_of_inputs
from scalejax.objectives import Prior
from scalejax.quantities import short_number
from scalejax.result import Result
from scalejax.vocabulary import call
from scalejax.wording import printable

_ROWS_SHOWN = 10
"""Rows of one problem, and of those set aside, in the summary; `Check.to_dict` has all."""

_RUNS_SHOWN = 5
_LAWS_SHOWN = 6

_FARTHER = 10
"""How many times the last step is forecast in what to type next, as a fit forecasts."""


@dataclass(frozen=True, eq=False, repr=False)
class Check(Result):
    """What the checks say of a table, whether it can be fitted or not.

    Attributes:
        source: Path, name of a dataset, or kind of the data.
        law: Name of the law that it was checked for; empty where that could not be told.
        choice: Why this law was taken, where none was named and the columns told.
        inspection: What was read, set aside and found; see `scalejax.data.Inspection`.
        odd: Runs that are out of line with a first fit; None where none was made.
        laws: Names of the registered laws whose inputs and response the table has.
        path: What to call the data in a command; None for data that only Python holds.
        options: Keywords that were given, for the next command.
    """

    source: str
    law: str
    choice: LawChoice | None
    inspection: Inspection
    odd: OddRuns | None
    laws: tuple[str, ...]
    path: str | None
    options: Mapping[str, Any]

    @property
    def problems(self) -> tuple[InputProblem, ...]:
        """All that is wrong (codes E...) or odd (codes W...)."""
        return (*self.inspection.problems, *(self.odd.problems if self.odd else ()))

    @property
    def verdict(self) -> str:
        """``"refused"``, ``"warnings"`` or ``"clean"``."""
        if self.inspection.errors:
            return "refused"
        return "warnings" if self.problems else "clean"

    @property
    def command(self) -> str:
        """What to type next: the fit, or what mends the table or tells how."""
        errors = {problem.code for problem in self.inspection.errors}
        if errors and errors <= DROPPABLE:
            return call("check", self.path, {**self.options, "on_bad": "drop"})
        if errors:
            return f"scalejax check --explain {min(errors)}"
        options = dict(self.options)
        for problem in self.problems:
            options |= dict(problem.mend)
        steps = self.inspection.table.inputs.get("step") if self.inspection.table else None
        if steps is None or "by" in self.options:
            return call("fit", self.path, options)
        farther = {"step": short_number(_FARTHER * float(steps.max()))}
        return call("forecast", self.path, {**options, "at": farther})

    @property
    def headline(self) -> str:
        """Source, rows, law and verdict in one line."""
        rows = _count(self.inspection.rows, "row")
        return f"{printable(self.source)}: {rows}{f', {self.law}' * bool(self.law)}, {self.verdict}"

    def summary(self) -> str:
        """What a person should read, as plain text."""
        return "\n".join(_lines(self))

    def rows(self) -> list[dict[str, Any]]:
        """A row for each statement: kind, code, column, rows and text."""
        said = self.inspection
        columns = [_row("column", text) for text in _columns(said)]
        notes = [_row("note", text) for text in said.notes]
        aside = [_row("set aside", one.reason, one.code, rows=(one.row,)) for one in said.set_aside]
        problems = [
            _row(CODES[one.code].severity, one.message, one.code, one.column or "", one.rows)
            for one in self.problems
        ]
        odd = self.odd.runs if self.odd else ()
        runs = [_row("odd run", str(one), rows=(one.row,)) for one in odd]
        return [*columns, *notes, *aside, *problems, *runs, _row("next", self.command)]

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain values, for JSON."""
        said = self.inspection
        values: dict[str, Any] = plain(
            {
                "source": self.source,
                "rows": said.rows,
                "columns": dict(said.columns or {}),
                "understood": _columns(said),
                "derived": said.derived,
                "law": self.law or None,
                "law_because": self.choice.reason if self.choice else None,
                "notes": said.notes,
                "set_aside": [vars(one) for one in said.set_aside],
                "problems": [_described(one) for one in self.problems],
                "odd_runs": None if self.odd is None else [vars(one) for one in self.odd.runs],
                "odd_runs_are_sure": bool(self.odd and self.odd.sure),
                "laws": self.laws,
                "verdict": self.verdict,
                "next": self.command,
            }
        )
        return values


@keywords(TableOptions, group="by", cluster="run")
def check(
    data: Any,
    law: str | Law | None = None,
    *,
    by: str | Sequence[str] | None = None,
    objective: ObjectiveLike = None,
    fixed: Mapping[str, float] | None = None,
    tied: Mapping[str, str] | None = None,
    bounds: Mapping[str, tuple[float, float]] | None = None,
    priors: Mapping[str, Prior] | None = None,
    allow_unidentified: bool = False,
    quick: bool = False,
    **table_options: Unpack[TableOptions],
) -> Check:
    """Say all that is wrong or odd about a table of runs, and what can be fitted to it.

    Args:
        data: As for `scalejax.fit`.
        law: As for `scalejax.fit`; if not given, that of the table.
        by: Column that names the group of each row, or several: as for `scalejax.fit_many`.
        objective: As for `scalejax.fit`.
        fixed: As for `scalejax.fit`.
        tied: As for `scalejax.fit`.
        bounds: As for `scalejax.fit`.
        priors: As for `scalejax.fit`.
        allow_unidentified: As for `scalejax.fit`.
        quick: Leave out the first fit, which finds runs that are out of line.
        **table_options: As for `scalejax.fit`.

    Returns:
        The check. What `scalejax.fit` would refuse with these arguments is refused here, and
        nothing else.

    Raises:
        LawError: The law is unknown or wrongly declared.
        UsageError: Arguments that cannot be combined.
    """
    terms = Terms(
        law, objective, fixed or {}, tied or {}, bounds or {}, priors or {},
        allow_unidentified=allow_unidentified, empty=by is None,
    )  # fmt: skip
    entry = enter(data, terms, table_options, by, survey=True)
    inspection = entry.inspection
    odd = None if quick or entry.problem is None else odd_runs_of(entry.problem)
    symbols = inspection.presence.symbols if inspection.presence else ()
    given = {
        "law": law if isinstance(law, str | None) else law.name, "by": by, "fixed": fixed,
        "tied": tied, "bounds": bounds, "allow_unidentified": allow_unidentified or None,
        **table_options,
    }  # fmt: skip
    return Check(
        source=inspection.source,
        law=entry.name if entry.choice or law is not None else "",
        choice=entry.choice,
        inspection=inspection,
        odd=odd,
        laws=tuple(one.name for one in laws_of_inputs(symbols)),
        path=str(data) if isinstance(data, str | PathLike) else None,
        options={name: value for name, value in given.items() if value is not None},
    )


def _columns(said: Inspection) -> list[str]:
    """What each column was taken for, a text each."""
    if said.mapping:
        return [str(one) for one in said.mapping]
    return [f"{key} = {column}" for key, column in (said.columns or {}).items()]


def _row(
    kind: str, text: str, code: str = "", column: str = "", rows: Sequence[int] = ()
) -> dict[str, Any]:
    numbers = ", ".join(map(str, rows))
    return {"kind": kind, "code": code, "column": column, "rows": numbers, "text": text}


def _described(problem: InputProblem) -> dict[str, Any]:
    return {
        "code": problem.code,
        "severity": CODES[problem.code].severity,
        "column": problem.column,
        "rows": list(problem.rows),
        "message": problem.message,
        "title": CODES[problem.code].title,
    }


def _lines(one: Check) -> Iterator[str]:
    said = one.inspection
    yield f"{printable(one.source)}: {_count(said.rows, 'row')}"
    for place, column in enumerate(_columns(said)):
        yield f"  {'read' if place == 0 else '':9} {printable(column)}"
    if one.law:
        reason = f": {one.choice.reason}" if one.choice else ""
        about = f", {formula_of(LAWS[one.law])}" if one.law in LAWS else ""
        yield f"  law       {one.law}{about}{reason}"
    # The law has a line of its own.
    for note in said.notes:
        if not (one.choice and note == one.choice.note):
            yield f"  assumed   {printable(note)}"
    yield from _about_set_aside(said)
    yield from _about_runs(one)
    if others := [name for name in one.laws if name != one.law]:
        more = f" and {len(others) - _LAWS_SHOWN} more" if len(others) > _LAWS_SHOWN else ""
        yield f"  laws      also {', '.join(others[:_LAWS_SHOWN])}{more} could be fitted"
    # Errors first: they are what has to be mended.
    for problem in sorted(one.problems, key=lambda problem: problem.code):
        yield from _about_problem(problem)
    yield _verdict(one)
    yield f"next: {one.command}"


def _about_set_aside(said: Inspection) -> Iterator[str]:
    if not said.set_aside:
        return
    yield f"  set aside {_count(len(said.set_aside), 'row')}"
    for item in said.set_aside[:_ROWS_SHOWN]:
        yield f"            row {item.row}: {printable(item.reason)}"
    if len(said.set_aside) > _ROWS_SHOWN:
        yield f"            and {len(said.set_aside) - _ROWS_SHOWN} more (see --json)"


def _about_runs(one: Check) -> Iterator[str]:
    if one.odd is None:
        return
    if not one.odd.tested:
        yield "  odd runs  not looked for: too few rows"
    elif not one.odd.runs:
        yield f"  odd runs  none: all {one.odd.tested} are in line with a first fit"
    elif not one.odd.sure:
        yield f"  odd runs  {printable(one.odd.sentence)}"


def _about_problem(problem: InputProblem) -> Iterator[str]:
    entry = CODES[problem.code]
    where = [f"column {problem.column!r}"] if problem.column is not None else []
    if problem.rows:
        numbers = ", ".join(map(str, problem.rows[:_ROWS_SHOWN]))
        more = len(problem.rows) - _ROWS_SHOWN
        where.append(f"row{'s' * (len(problem.rows) > 1)} {numbers}")
        where[-1] += f" and {more} more" if more > 0 else ""
    yield f"{entry.severity} {problem.code}: {entry.title}{''.join(f'; {w}' for w in where)}"
    yield f"    {printable(problem.message)}"


def _verdict(one: Check) -> str:
    errors = len(one.inspection.errors)
    warnings = _count(len(one.problems) - errors, "warning")
    if errors:
        more = "scalejax check --explain CODE says more"
        return f"refused: {_count(errors, 'error')}, {warnings} ({more})"
    return f"usable: {warnings}" if one.problems else "clean: nothing to mend"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"

"""``scalejax check``: all that is wrong or odd about a file of runs, without a fit."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scalejax.cli import options as o
from scalejax.cli import words
from scalejax.cli.cache import use_compilation_cache
from scalejax.cli.options import OnBad, option
from scalejax.cli.reductions import with_reductions
from scalejax.cli.talk import print_json

if TYPE_CHECKING:
    from scalejax.data import Inspection
    from scalejax.errors import InputProblem
    from scalejax.laws import Law

REFUSED = 1
"""Exit code for a file that cannot be fitted."""

# Rows that are listed on the terminal; --json has all.
_ROWS_SHOWN = 10

EXAMPLES = """\b
For example:
  scalejax check runs.csv
  scalejax check runs.csv --law kaplan --by family --json
  scalejax check --explain E110
"""


@with_reductions
def check(
    runs: o.RunsToCheck = None,
    law: o.Law = None,
    formula: o.Formula = None,
    columns: o.Columns = None,
    units: o.Units = None,
    loss_unit: o.LossUnit = None,
    derive: o.Derive = None,
    weights: o.Weights = None,
    sigma: o.Sigma = None,
    run: o.Run = None,
    strata: o.Strata = None,
    exclude: o.Exclude = None,
    on_bad: o.OnBadRows = OnBad.RAISE,
    by: o.By = None,
    as_json: o.AsJson = False,
    explain: Annotated[
        str | None, option("Explain a code, such as E110, and stop.", "CODE")
    ] = None,
    **reductions: Any,
) -> None:
    """List all that is wrong or odd about a file of runs, without fitting it.

    Also says which parameters of the law the runs cannot determine.

    The exit code is 0 if the file can be fitted, with or without warnings, and 1 if not.
    """
    if explain is not None:
        _explain(explain)
        return
    if runs is None:
        raise typer.BadParameter("give a file of runs, or --explain CODE.", param_hint="RUNS")
    # Imported here and below: JAX and pandas take a second, which --help should not.
    from scalejax.data import Request, inspect_table
    from scalejax.engine import target_of

    law_to_fit = words.law_of(words.law_name(law, formula))
    options = words.table_options(
        columns=columns, units=units, derive=derive, exclude=exclude, on_bad=on_bad, run=run,
        strata=strata, loss_unit=loss_unit, weights=weights, sigma=sigma, by=by, **reductions,
    )  # fmt: skip
    request = Request(
        inputs=law_to_fit.inputs,
        n_parameters=len(law_to_fit.parameters),
        **target_of(law_to_fit, options),
    )
    inspection = _with_identifiability(inspect_table(words.data_of(runs), request), law_to_fit)
    name = runs if inspection.source == "DataFrame" else inspection.source
    if as_json:
        print_json(_document(inspection, name))
    else:
        _print(inspection, name)
    if inspection.errors:
        raise typer.Exit(REFUSED)


def _with_identifiability(inspection: "Inspection", law: "Law") -> "Inspection":
    """The inspection with problems for the parameters of the law that the runs cannot determine."""
    if inspection.table is None or inspection.table.group is not None:
        return inspection
    from scalejax.conclusions import design_identifiability

    use_compilation_cache()
    problems = design_identifiability(inspection.table, law).problems
    usable = all(problem.code.startswith("W") for problem in problems)
    table = inspection.table if usable else None
    return replace(inspection, problems=(*inspection.problems, *problems), table=table)


def _explain(code: str) -> None:
    from scalejax.codes import CODES, explain

    key = code.strip().upper()
    if key not in CODES:
        raise typer.BadParameter(
            f"{code!r} is no code; there are {', '.join(CODES)}.", param_hint="--explain"
        )
    print(explain(key))


def _verdict(inspection: "Inspection") -> str:
    if inspection.errors:
        return "refused"
    return "warnings" if inspection.problems else "clean"


def _document(inspection: "Inspection", name: str) -> dict[str, Any]:
    from scalejax.codes import CODES

    return {
        "source": name,
        "rows": inspection.rows,
        "columns": dict(inspection.columns or {}),
        "derived": list(inspection.derived),
        "notes": list(inspection.notes),
        "set_aside": [vars(item) for item in inspection.set_aside],
        "problems": [
            {
                "code": problem.code,
                "severity": CODES[problem.code].severity,
                "column": problem.column,
                "rows": list(problem.rows),
                "message": problem.message,
                "title": CODES[problem.code].title,
            }
            for problem in inspection.problems
        ],
        "verdict": _verdict(inspection),
    }


def _print(inspection: "Inspection", name: str) -> None:
    print(f"{name}: {_count(inspection.rows, 'row')}")
    if inspection.columns:
        print(f"  read      {', '.join(f'{key} = {c}' for key, c in inspection.columns.items())}")
    for note in inspection.notes:
        print(f"  assumed   {note}")
    if inspection.set_aside:
        print(f"  set aside {_count(len(inspection.set_aside), 'row')}")
        for item in inspection.set_aside[:_ROWS_SHOWN]:
            print(f"            row {item.row}: {item.reason}")
        if len(inspection.set_aside) > _ROWS_SHOWN:
            print(f"            and {len(inspection.set_aside) - _ROWS_SHOWN} more (see --json)")
    # Errors first: they are what has to be mended.
    for problem in sorted(inspection.problems, key=lambda problem: problem.code):
        _print_problem(problem)
    warnings = _count(len(inspection.problems) - len(inspection.errors), "warning")
    if inspection.errors:
        more = "scalejax check --explain CODE says more"
        print(f"refused: {_count(len(inspection.errors), 'error')}, {warnings} ({more})")
    else:
        print(f"usable: {warnings}" if inspection.problems else "clean: nothing to mend")


def _print_problem(problem: "InputProblem") -> None:
    from scalejax.codes import CODES

    entry = CODES[problem.code]
    where = [f"column {problem.column!r}"] if problem.column is not None else []
    if problem.rows:
        numbers = ", ".join(map(str, problem.rows[:_ROWS_SHOWN]))
        more = len(problem.rows) - _ROWS_SHOWN
        where.append(f"row{'s' * (len(problem.rows) > 1)} {numbers}")
        where[-1] += f" and {more} more" if more > 0 else ""
    print(f"{entry.severity} {problem.code}: {entry.title}{''.join(f'; {w}' for w in where)}")
    print(f"    {problem.message}")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"

"""``scalejax check``: what a file of runs holds, what is odd about it, and what to type next."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from scalejax.cli import options as o
from scalejax.cli import words
from scalejax.cli.cache import use_compilation_cache
from scalejax.cli.choices import ObjectiveName, OnBad, Scale
from scalejax.cli.options import option
from scalejax.cli.reductions import with_reductions
from scalejax.cli.talk import print_json, say_step

REFUSED = 1
"""Exit code for a file that cannot be fitted."""

_OF_CHECK = ("runs", "as_json", "explain", "quick", "save_mapping")
"""Arguments that the next command does not take over."""

EXAMPLES = """\b
For example:
  scalejax check runs.csv
  scalejax check runs.csv --law kaplan --by family --json
  scalejax check --explain E110
"""


@with_reductions
def check(
    context: typer.Context,
    runs: o.RunsToCheck = None,
    law: o.LawOfTable = None,
    formula: o.Formula = None,
    columns: o.Columns = None,
    units: o.Units = None,
    mapping: o.Mapping = None,
    loss_unit: o.LossUnit = None,
    derive: o.Derive = None,
    flop_per_token: o.FlopPerToken = None,
    weights: o.Weights = None,
    sigma: o.Sigma = None,
    run: o.Run = None,
    strata: o.Strata = None,
    exclude: o.Exclude = None,
    on_bad: o.OnBadRows = OnBad.RAISE,
    by: o.By = None,
    objective: o.Objective = ObjectiveName.HUBER,
    on: o.On = Scale.LOG,
    fixed: o.Fixed = None,
    tied: o.Tied = None,
    bounds: o.Bounds = None,
    allow_unidentified: o.AllowUnidentified = False,
    quick: Annotated[
        bool, option("Leave out the first fit, which finds runs out of line.", None, "--quick")
    ] = False,
    save_mapping: Annotated[
        Path | None,
        option(
            "Keep what each column was taken for in this file (.toml, .json).",
            "FILE",
            callback=o.file_to_write,
        ),
    ] = None,
    as_json: o.AsJson = False,
    explain: Annotated[
        str | None, option("Explain a code, such as E110, and stop.", "CODE")
    ] = None,
    **reductions: Any,
) -> None:
    """Show what each column was taken for, all that is wrong or odd, and what to type next.

    Nothing is written. With the options of a fit it says what that fit would say of the file, and
    which runs are out of line with a first one.

    The exit code is 0 if the file can be fitted, with or without warnings, and 1 if not.
    """
    if explain is not None:
        _explain(explain)
        return
    if runs is None:
        raise typer.BadParameter("give a file of runs, or --explain CODE.", param_hint="RUNS")
    use_compilation_cache()
    say_step("checking", as_json)
    # Imported here and below: JAX and pandas take a second, which --help should not.
    from scalejax.fitting import check as look

    name, data = words.law_name(law, formula), words.data_of(runs)
    answer = look(
        data,
        None if name is None else words.law_of(name),
        by=by,
        objective=words.objective_of(objective, on),
        fixed=words.numbers("fixed", fixed),
        tied=words.pairs("tied", tied),
        bounds=words.ranges("bounds", bounds),
        allow_unidentified=allow_unidentified,
        quick=quick,
        **words.table_options(
            columns=columns, units=units, mapping=mapping, derive=derive, exclude=exclude,
            on_bad=on_bad, run=run, strata=strata, loss_unit=loss_unit, weights=weights,
            sigma=sigma, flop_per_token=flop_per_token, **reductions,
        ),
    )  # fmt: skip
    if save_mapping is not None and answer.inspection.mapping:
        from scalejax.data import save_mapping as save

        seen = answer.inspection
        save(save_mapping, seen.mapping, loss_unit=seen.loss_unit, options=reductions)
    source = answer.source if data is runs else runs
    answer = replace(answer, source=source, path=runs, options=words.typed(context, _OF_CHECK))
    print_json(answer.to_dict()) if as_json else print(answer.summary())
    if answer.verdict == "refused":
        raise typer.Exit(REFUSED)


def _explain(code: str) -> None:
    from scalejax.codes import CODES, explain

    key = code.strip().upper()
    if key not in CODES:
        raise typer.BadParameter(
            f"{code!r} is no code; there are {', '.join(CODES)}.", param_hint="--explain"
        )
    print(explain(key))

"""`load_table`: the one way from a file or frame to a checked `Table`.

The order is fixed: find the columns, read the numbers, leave out the rows excluded on purpose,
check single rows, then single columns, then rows and columns against each other, then whether
there are enough of them. All problems are raised together; every row left out is recorded.
`inspect_table` does the same and raises nothing about the data: it is for showing a person all
that is wrong or odd.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from scalejax.compute import Written
from scalejax.data.assemble import (
    assemble,
    compute_column,
)
from scalejax.data.cells import look_at_cells
from scalejax.data.checks import (
    OF_LOSSES,
    NumericColumn,
)
from scalejax.data.completion import complete
from scalejax.data.draft import Draft
from scalejax.data.fit_rows import FitRows, scarcity_problems
from scalejax.data.inspection import Inspection
from scalejax.data.mapping import with_mapping
from scalejax.data.presence import presence_of, presence_of_table, settled
from scalejax.data.reading_plan import ReadingPlan, make_reading_plan
from scalejax.data.reductions import reduce_rows
from scalejax.data.relations import relation_problems
from scalejax.data.request import Request
from scalejax.data.steps import with_step_remedy
from scalejax.data.sweeps import with_sweep_remedy
from scalejax.data.table import Table, read_only
from scalejax.data.training_compute import training_compute
from scalejax.errors import InputError, InputProblem, UsageError
from scalejax.keywords import keywords
from scalejax.sources import read_source, source_name

_OF_A_LAW = {
    *("inputs", "target", "on_bad", "n_parameters", "constant", "positive", "signed", "choose"),
}
"""What a request says of the law, and not of how a source is read."""


@keywords(group="by", cluster="run")
def load_table(
    source: Any,
    *,
    inputs: Sequence[str] = ("N", "D"),
    target: str = "loss",
    columns: Mapping[str, str] | None = None,
    weights: str | None = None,
    sigma: str | None = None,
    by: str | None = None,
    run: str | Sequence[str] | None = None,
    strata: str | None = None,
    units: Mapping[str, str | float] | None = None,
    loss_unit: str | None = None,
    exclude: str | Sequence[int] | None = None,
    derive: Mapping[str, str] | None = None,
    flop_per_token: Written | None = None,
    on_bad: str = "raise",
    n_parameters: int = 0,
    constant: Sequence[str] = (),
    positive: Sequence[str] | None = None,
    signed: bool = False,
    max_bytes: int | None = None,
    reduce: str = "every",
    drop_first: str | float | None = None,
    average: str | None = None,
    best_of: str | None = None,
    tokens_per_step: str | float | None = None,
    size_from: str | None = None,
    runs: Any = None,
    mapping: Mapping[str, Any] | str | Path | None = None,
) -> Table:
    """Reads and checks a table of training runs.

    Args:
        source: A path (CSV, JSON, both also compressed; Parquet, Feather, Excel), several, a
            folder, what trackers export, ``"-"``, a frame, a dict of arrays or a list of records,
            all explained at `scalejax.sources.read_source`; or a `Table`, which is returned as it
            is once it fits `inputs` and `n_parameters`.
        inputs: Quantities that the law takes. N, D and C are recognised by their usual column
            names, and one of them that is missing is derived from C = 6 N D (see `Table.notes`);
            any other input needs a column of its name.
        target: The loss: a quantity or a column name.
        columns: Quantity to your column name; wins over every guess.
        weights: Column of weights (zero or positive, any scale). Excludes `sigma`.
        sigma: Column of standard deviations in units of the loss; the weight is 1/sigma**2.
        by: Column of names; each group is fitted by itself, so row counts are checked in each.
        run: Column of names of rows that are not independent (checkpoints of one run). Two
            columns, outermost first, are nested levels: ``("family", "run")``.
        strata: Column of names; resamples keep the number of rows of each name.
        units: Quantity to unit of its column: ``"M"``, ``"B"``, ``"%"`` or a factor. Default: the
            unit that a header states, as "Tokens (B)", else raw numbers. A factor of 1 says that
            the numbers are raw whatever the header says.
        loss_unit: ``"nats"`` or ``"bits"`` (per token), ``"perplexity"`` (its logarithm is taken),
            ``"bits_per_byte"``, ``"bits_per_character"``; the loss and sigma are converted to
            nats/token where that can be done, as with ``"bits_per_byte:<bytes per token>"``, and
            otherwise fitted as they are. Default: as the name of the column says (``val_bpb``,
            ``perplexity``), else nats/token, with a note but no warning: nearly all files are, the
            numbers cannot show it, and nobody reads a warning that always comes.
        exclude: Rows to leave out on purpose: a 0/1 column, ``"top5(loss)"``, or row numbers
            counted from 1.
        derive: ``{"D": "6ND"}`` derives D (or N, or C) even if the table has it.
        flop_per_token: Training FLOP of a token, ``"12N"`` or ``"6N + 4.8e8"``; 12 is 12 N. Without
            it a column of C says what they are, or else they are 6 N (see `Table.compute`).
        on_bad: ``"drop"`` sets rows with missing, unreadable or impossible values aside and
            records them; ``"raise"`` refuses the table.
        n_parameters: Parameters of the law; switches the checks for too few rows and sizes on.
        constant: Inputs that may have a single value, as no parameter rests on them.
        positive: Inputs that must be positive. Default: those of the vocabulary (N, D, C, P_w ...).
        signed: The loss may be zero or negative, as for residuals of the loss itself
            (``huber(on="loss")``); rows that are so are counted in `Table.notes`.
        max_bytes: Largest size of a file, unpacked. Default: the environment variable
            ``SCALEJAX_MAX_BYTES``, else 2 GiB and 200 times the compressed size.
        reduce: Which rows of a run count: ``"every"``, the last (``"final"``), or the mean of the
            last five (``"final:5"``). Runs are named by `run` and `by`, or a column such as run.
        drop_first: Rows at the beginning of runs to leave out: tokens, ``"2B"``, or a share of each
            run, ``"10%"``. Rows of step 0 are always set aside, as they hold an untrained model.
        average: Column in which rows of one mean may differ, ``"seed"``, or several; they agree in
            all others but the loss. With ``"seed:sigma"`` its standard error becomes `sigma`.
        best_of: Columns that were swept, ``"lr"`` or ``"lr,batch"``: of the rows whose inputs are
            equal the best one is kept. ``"lr:parabola"`` takes the minimum of a parabola in ln lr
            through the three lowest, ``"lr:least-squares"`` through all, with its standard error as
            `sigma`. A law of the best rate takes the place of that minimum, a law of the loss its
            value; where it lies at an end of what was tried the point is set aside.
        tokens_per_step: What D is per step: a number, a column, or a product, ``"batch*2048"``.
        size_from: Column of names that hold the size, as "Qwen3-0.6B-base" does.
        runs: A second table (path or frame) of what the first lacks, with a row for each run.
        mapping: File of ``scalejax check --save-mapping``, or its values: columns, units and
            loss_unit. What is given beside it wins.

    Returns:
        The table, in raw units.

    Raises:
        InputError: Everything that is wrong with the data, at once.
        UsageError: Arguments that are unknown or contradict each other.
    """
    given = {
        "columns": columns, "weights": weights, "sigma": sigma, "by": by, "run": run,
        "strata": strata, "units": units, "loss_unit": loss_unit, "exclude": exclude,
        "derive": derive, "flop_per_token": flop_per_token, "max_bytes": max_bytes,
        "drop_first": drop_first, "average": average, "best_of": best_of,
        "tokens_per_step": tokens_per_step, "size_from": size_from, "runs": runs,
        "reduce": None if reduce == "every" else reduce,
    }  # fmt: skip
    options: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    options = with_mapping(options, mapping)
    target = options.pop("target", target)
    request = Request(
        inputs=inputs,
        target=target,
        on_bad=on_bad,
        n_parameters=n_parameters,
        constant=constant,
        positive=positive,
        signed=signed,
        **options,
    )
    return accepted(inspect_table(source, request))


def accepted(inspection: Inspection) -> Table:
    """The table of an inspection.

    Raises:
        InputError: Everything for which it is refused, at once.
    """
    if inspection.table is None:
        raise InputError(inspection.errors, inspection.source)
    return inspection.table


def inspect_table(source: Any, request: Request) -> Inspection:
    """Reads and checks a table like `load_table`, but returns its problems instead of raising them.

    Args:
        source: As for `load_table`.
        request: Which quantities to read and how, as the arguments of `load_table`.

    Returns:
        The problems, and the table if none of them is an error.

    Raises:
        UsageError: The request does not go with the columns.
    """
    if isinstance(source, Table):
        return _inspect_again(source, request)
    name = source_name(source)
    try:
        raw = read_source(source, request.max_bytes)
    except InputError as error:
        return Inspection(name, error.problems)
    draft, presence = Draft.of(raw.frame, request, raw.notes), None
    try:
        draft = complete(draft)
        if request.choose is not None:
            presence = presence_of(draft.frame, name, draft.request)
            draft = replace(draft, request=settled(draft.request, presence))
        draft = reduce_rows(draft)
        plan = make_reading_plan(draft.frame, draft.request)
    except InputError as error:
        problems = tuple(with_step_remedy(problem, draft) for problem in error.problems)
        return Inspection(name, problems, len(raw.frame), notes=draft.notes, presence=presence)
    inspection = _inspect(draft, raw.name, plan)
    mapping = tuple(
        replace(one, made=one.column == one.quantity and one.column not in raw.frame)
        for one in inspection.mapping
    )
    table = inspection.table
    if table is not None:
        table = replace(table, source_sha256=raw.sha256)
    return replace(inspection, table=table, rows=len(raw.frame), presence=presence, mapping=mapping)


def _inspect(draft: Draft, name: str, plan: ReadingPlan) -> Inspection:
    frame, request = draft.frame, draft.request
    cells = look_at_cells(draft, plan)
    problems = list(cells.problems)
    table = assemble(cells.kept, cells.numbers, cells.labels, plan, request, name)
    # From here on rows have their numbers in the source.
    row = read_only(draft.row[cells.kept - 1])
    table = replace(table, row=row, set_aside=cells.set_aside)
    sound = table.select(~np.isin(table.row, cells.faulty))
    # A column in wrong units makes odd ratios too; the column is what to mend.
    unquestioned = cells.units_wrong or bool({"N", "D"} & {*request.units})
    related = relation_problems(sound, ratio_settled=unquestioned)
    measured = _by_source_row(compute_column(frame, plan), draft)
    compute, words, odd = training_compute(sound, measured, request)
    notes = (*draft.notes, *plan.notes, *_signs(table, request), *words)
    table = replace(table, compute=compute, notes=notes)
    said = [with_sweep_remedy(one, draft) if one.code == "W204" else one for one in related]
    problems += [*said, *odd]
    problems += _empty(table) or scarcity_problems(_fit_rows(table, request), request.n_parameters)
    if not request.is_loss:
        problems = [problem for problem in problems if problem.code not in OF_LOSSES]
    inspection = Inspection(
        name, tuple(problems), len(frame), plan.columns, plan.derived, notes, cells.set_aside,
        mapping=plan.mapping, loss_unit=plan.response.loss_unit,
    )  # fmt: skip
    if inspection.errors:
        return inspection
    return replace(inspection, table=replace(table, warnings=inspection.problems))


def _by_source_row(column: NumericColumn | None, draft: Draft) -> NumericColumn | None:
    """A column whose value k - 1 is that of row k of the source, missing where there is none."""
    if column is None or not len(draft.row):
        return column
    values = np.full(int(draft.row.max()), np.nan)
    values[draft.row - 1] = column.values
    return replace(column, values=values)


def _signs(table: Table, request: Request) -> list[str]:
    count = int(np.sum(table.target <= 0)) if request.signed and request.is_loss else 0
    words = f"the loss is zero or negative in {count} of {table.n_rows} rows, and is taken as it is"
    return [words] if count else []


def _fit_rows(table: Table, request: Request) -> FitRows:
    # Weights that are no numbers have their own code; here they must not count as zero.
    weight = np.where(np.isfinite(table.weight), table.weight, 1.0)
    varied = [quantity for quantity in request.inputs if quantity not in request.constant]
    inputs = {quantity: table.inputs[quantity] for quantity in varied}
    return FitRows(inputs, table.columns, weight, table.row, table.group, table.group_labels)


def _empty(table: Table) -> list[InputProblem]:
    message = (
        f"no row is left: {len(table.set_aside)} were excluded or dropped; exclude fewer, or "
        "mend the rows"
    )
    return [] if table.n_rows else [InputProblem("E127", message)]


def _inspect_again(table: Table, request: Request) -> Inspection:
    """A table that was checked before, for another law.

    Raises:
        UsageError: The request reads columns, or the law needs what the table does not hold.
    """
    if options := _reading_options(request):
        raise UsageError(f"give {', '.join(options)} where the Table is loaded, not later")
    presence = None if request.choose is None else presence_of_table(table)
    try:
        request = settled(request, presence)
    except InputError as error:
        return Inspection(table.source, error.problems, table.n_rows, presence=presence)
    if missing := [quantity for quantity in request.inputs if quantity not in table.inputs]:
        raise UsageError(f"the Table holds {list(table.inputs)}, the law also needs {missing}")
    problems = _empty(table) or scarcity_problems(_fit_rows(table, request), request.n_parameters)
    new = tuple(problem for problem in problems if problem not in table.warnings)
    inspection = Inspection(
        table.source,
        table.warnings + new,
        table.n_rows,
        table.columns,
        notes=table.notes,
        set_aside=table.set_aside,
        presence=presence,
    )
    if inspection.errors:
        return inspection
    if set(table.inputs) != set(request.inputs):
        table = replace(table, inputs={name: table.inputs[name] for name in request.inputs})
    table = replace(table, warnings=table.warnings + new) if new else table
    return replace(inspection, table=table)


def _reading_options(request: Request) -> list[str]:
    """Options that say how a source is read, of which a table has no more need."""
    default, names = Request(), {field.name for field in fields(Request)} - _OF_A_LAW
    return sorted(name for name in names if getattr(request, name) != getattr(default, name))

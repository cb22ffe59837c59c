"""Records and series to frames, bounded by what is filled."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from scalejax.sources.json_text import JsonProblem, flat
from scalejax.sources.refusals import check_cells, check_header, refusal


def frame_of_records(records: Sequence[Mapping[Any, Any]], name: str) -> pd.DataFrame:
    """One row per record; names inside records are joined by points, missing ones are None.

    Raises:
        InputError: E121 records without end, E125 two names that are one, E127 no records, E161
            nearly every record has names of its own.
    """
    rows = []
    for number, record in enumerate(records, 1):
        try:
            rows.append(flat({str(key): value for key, value in record.items()}))
        except JsonProblem as problem:
            raise problem.at(number, name) from None
    return frame_of_rows(rows, name)


def frame_of_rows(rows: Sequence[Mapping[str, Any]], name: str) -> pd.DataFrame:
    """One row per flat record, with the columns in the order in which they appear."""
    header = list(dict.fromkeys(key for row in rows for key in row))
    if not header:
        raise refusal(name, "E127", "there are no rows of data; write one record per run")
    check_cells(len(rows), len(header), sum(map(len, rows)), name)
    cells = [[row.get(column) for row in rows] for column in header]
    frame = pd.DataFrame(dict(enumerate(cells)), dtype=object)
    stripped = [column.strip() for column in header]
    check_header(stripped, name)
    frame.columns = pd.Index(stripped)
    return frame


def frame_of_series(
    values: Iterable[tuple[str, Any, str, Any]], name: str, step: str = "step"
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Values of metrics over the steps of runs: one row per run and step, a column per metric.

    Args:
        values: Run, step, metric and value. Of one that is repeated the last counts, as for
            trackers, which write on after a run was resumed.
        name: What to call the source in messages.
        step: Name of the column of steps.
    """
    rows: dict[tuple[str, Any], dict[str, Any]] = {}
    repeated = 0
    for run, at, metric, value in values:
        row = rows.setdefault((run, at), {"run": run, step: at})
        repeated += metric in row
        row[metric] = value
    note = f"{repeated} values repeat an earlier step of their run: the last one counts"
    return frame_of_rows([*rows.values()], name), (note,) * bool(repeated)

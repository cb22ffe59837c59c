"""Tables that trackers export, known by their headers: W&B's charts and TensorBoard's scalars.

Tables of runs, which W&B and MLflow export too, need nothing here: a row is a run already.
"""

import re
from collections.abc import Iterator, Sequence

import pandas as pd

from scalejax.sources.raw_table import Cells, RawTable
from scalejax.sources.records import frame_of_series
from scalejax.sources.refusals import counted

_CHART = re.compile(r"(?P<run>.+) - (?P<metric>.+?)(?P<end>__MIN|__MAX)?", re.DOTALL)
# Longer names are no run and metric; searching them takes the square of their length.
_LONGEST = 1000
_SCALARS = ["Wall time", "Step", "Value"]
_FILE = re.compile(r"(?:run-(?P<run>.*?)-)?tag-(?P<tag>.+?)(?:\.[A-Za-z0-9]+)*")


def of_export(cells: Cells, name: str) -> Cells:
    """The export of a tracker as a table of runs and steps; any other table as it is."""
    header = list(cells.frame.columns)
    if header == _SCALARS:
        return _of_scalars(cells, name)
    if not header or max(map(len, header)) > _LONGEST:
        return cells
    series = {column: _CHART.fullmatch(column) for column in header[1:]}
    ends = {match["end"] for match in series.values() if match}
    if all(series.values()) and {"__MIN", "__MAX"} <= ends:
        return _of_chart(cells, {k: match for k, match in series.items() if match}, name)
    return cells


def _of_chart(cells: Cells, series: dict[str, "re.Match[str]"], name: str) -> Cells:
    step = str(cells.frame.columns[0])
    values = {column: match for column, match in series.items() if not match["end"]}
    frame, notes = frame_of_series(_long(cells.frame, step, values), name, step)
    runs = len({match["run"] for match in values.values()})
    metrics = ", ".join(dict.fromkeys(match["metric"] for match in values.values()))
    said = [
        f"a chart of W&B: {counted(runs, 'run')}, {metrics} over {step}, one row per run and {step}"
    ]
    ranges = [column for column in series if column not in values]
    if ranges:
        differ = _differing(cells.frame, ranges)
        why = "equal the values" if not differ else f"differ from the values in {differ} cells"
        said.append(f"{len(ranges)} columns __MIN and __MAX are left out; they {why}")
    return Cells(frame, (*cells.notes, *said, *notes))


def _long(
    frame: pd.DataFrame, step: str, series: dict[str, "re.Match[str]"]
) -> Iterator[tuple[str, str, str, str]]:
    """Run, step, metric and value of the cells that are not empty, run by run."""
    steps = frame[step].tolist()
    for column, match in series.items():
        for at, value in zip(steps, frame[column].tolist(), strict=True):
            if value.strip():
                yield match["run"], at, match["metric"], value


def _differing(frame: pd.DataFrame, ranges: list[str]) -> int:
    count = 0
    for column in ranges:
        beside = column.removesuffix("__MIN").removesuffix("__MAX")
        if beside in frame:
            count += int((frame[column] != frame[beside]).sum())
    return count


def _of_scalars(cells: Cells, name: str) -> Cells:
    match = _FILE.fullmatch(name)
    metric = match["tag"] if match else "value"
    frame = cells.frame.rename(columns={"Value": metric})
    note = f"scalars of TensorBoard: Value is {metric!r}"
    note += ", by the name of the file" if match else "; the file's name does not say of what"
    if match and match["run"] and match["run"] != ".":
        frame.insert(0, "run", match["run"])
    return Cells(frame, (*cells.notes, note))


def are_scalars(tables: Sequence[RawTable]) -> bool:
    """Whether all tables are scalars of TensorBoard, one metric each."""
    return all([*table.frame.columns][-3:-1] == _SCALARS[:2] for table in tables)


def of_scalar_files(tables: Sequence[RawTable], runs: Sequence[str], name: str) -> Cells:
    """Scalars of several files: one row per run and step, a column per metric.

    Args:
        tables: What `of_export` made of each file.
        runs: What tells the files apart, for files that do not name their run.
        name: What to call them together in messages.
    """
    frame, notes = frame_of_series(_scalars(tables, runs), name, _SCALARS[1])
    count = frame["run"].nunique()
    said = f"scalars of TensorBoard: {counted(count, 'run')}, one row per run and step"
    return Cells(frame, (said, "wall times are left out", *notes))


def _scalars(
    tables: Sequence[RawTable], runs: Sequence[str]
) -> Iterator[tuple[str, str, str, str]]:
    for table, run in zip(tables, runs, strict=True):
        metric = str(table.frame.columns[-1])
        names = table.frame["run"] if "run" in table.frame else [run] * len(table.frame)
        cells = (table.frame["Step"], table.frame[metric])
        for own, step, value in zip(names, *cells, strict=True):
            yield own, step, metric, value

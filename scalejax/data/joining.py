"""Groups that several columns name together, such as family and evaluation set."""

from collections.abc import Sequence
from typing import Any

from scalejax.data.assemble import name_of
from scalejax.data.table import Table
from scalejax.errors import UsageError
from scalejax.sources import read_frame
from scalejax.vocabulary import argument

SEPARATOR = " / "
"""Between the names of a group that several columns name."""

_JOINED = " and "


def group_by(data: Any, by: str | Sequence[str]) -> dict[str, Any]:
    """Arguments of `load_table` for data in groups: ``source`` and ``by``.

    Args:
        data: As for `load_table`; a `Table` has its groups already, and `by` names them.
        by: Column that names the group of each row, or several that do so together.

    Raises:
        UsageError: As for `join_groups`, or a `Table` has no groups or others.
    """
    if not isinstance(data, Table):
        source, group = join_groups(data, by)
        return {"source": source, "by": group}
    wanted = by if isinstance(by, str) else _JOINED.join(by)
    if data.group is None:
        raise UsageError(f"the Table has no groups: load it with {argument('by', wanted)}.")
    if wanted != (column := data.columns.get("group", "group")):
        raise UsageError(f"the Table has the groups of {column!r}, not of {argument('by', by)}.")
    return {"source": data}


def join_groups(data: Any, by: str | Sequence[str]) -> tuple[Any, str | None]:
    """The data with one column that names the groups, and the name of that column.

    Args:
        data: As for `read_frame`.
        by: Column that names the group of each row, or several that do so together.

    Returns:
        The data as they are for one column or none. Where a part of a name is empty all of it is,
        so that it is refused, or its row dropped, as an empty name is.

    Raises:
        UsageError: Some of several columns are not there or named twice, or names hold what
            separates the parts of a joined name.
    """
    columns = [by] if isinstance(by, str) else list(by)
    if len(columns) < 2:
        return data, next(iter(columns), None)
    frame = read_frame(data)
    if missing := [name for name in columns if name not in frame]:
        raise UsageError(
            f"{argument('by')} names {missing}; the columns are {list(frame.columns)}."
        )
    if len({*columns}) < len(columns):
        raise UsageError(f"{argument('by')} names a column twice: {columns}.")
    parts = [[name_of(cell) for cell in frame[column]] for column in columns]
    _refuse_separators(columns, parts)
    names = [SEPARATOR.join(row) if all(row) else "" for row in zip(*parts, strict=True)]
    joined = _JOINED.join(columns)
    return frame.assign(**{joined: names}), joined


def _refuse_separators(columns: list[str], parts: list[list[str]]) -> None:
    for column, names in zip(columns, parts, strict=True):
        rows = [row for row, name in enumerate(names, 1) if SEPARATOR in name]
        if rows:
            raise UsageError(
                f"{column!r} holds {SEPARATOR!r}, which separates the parts of a joined name, in "
                f"{len(rows)} rows, first in row {rows[0]} ({names[rows[0] - 1]!r}): write it "
                "otherwise, or join the columns yourself."
            )

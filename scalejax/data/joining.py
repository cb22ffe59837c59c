"""Groups that several columns name together, such as family and evaluation set."""

from collections.abc import Sequence
from typing import Any

from scalejax.data.reader import read_frame
from scalejax.errors import UsageError

SEPARATOR = " / "
"""Between the names of a group that several columns name."""

_JOINED = "group (joined)"


def join_groups(data: Any, by: str | Sequence[str]) -> tuple[Any, str | None]:
    """The data with one column that names the groups, and the name of that column.

    Args:
        data: As for `read_frame`.
        by: Column that names the group of each row, or several that do so together.

    Returns:
        The data as they are for one column or none.

    Raises:
        UsageError: Some of several columns are not there.
    """
    columns = [by] if isinstance(by, str) else list(by)
    if len(columns) < 2:
        return data, next(iter(columns), None)
    frame = read_frame(data)
    if missing := [name for name in columns if name not in frame]:
        raise UsageError(f"by= names {missing}; the columns are {list(frame.columns)}.")
    names = frame[columns].astype(str).agg(SEPARATOR.join, axis=1)
    return frame.assign(**{_JOINED: names}), _JOINED

"""`Result`: the base of what the verbs return.

One line (`repr`), the text that a person should read (`print`), numbers as a tidy frame, all of it
as plain values, and a table in a notebook.
"""

import math
from html import escape
from typing import TYPE_CHECKING, Any

from scalejax.files import plain
from scalejax.wording import html_table

if TYPE_CHECKING:
    import pandas as pd

_MOST_ROWS = 60
"""Rows of a table in a notebook; more would not be read. Set by judgement."""


class Result:
    """Base of the results: a subclass gives a summary and a frame, or rows."""

    @property
    def headline(self) -> str:
        """The result in one line; the first line of the summary unless a subclass overrides it."""
        return self.summary().split("\n", 1)[0]

    def summary(self) -> str:
        """What a person should read, as plain text."""
        raise NotImplementedError

    def to_frame(self) -> "pd.DataFrame":
        """The numbers as a tidy frame."""
        import pandas as pd  # rooms that compute have no pandas and give rows

        return pd.DataFrame(self.rows())

    def rows(self) -> list[dict[str, Any]]:
        """The rows of the frame, for a subclass that makes no frame itself."""
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain values that JSON can hold; what is missing is null."""
        values: dict[str, Any] = plain(
            {"headline": self.headline, "rows": self.to_frame().to_dict("records")}
        )
        return values

    def _shown(self) -> "pd.DataFrame":
        """The rows of the table in a notebook."""
        return self.to_frame()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {' '.join(self.headline.split())}>"

    def __str__(self) -> str:
        return self.summary()

    def _repr_html_(self) -> str:
        frame = self._shown()
        head = frame.head(_MOST_ROWS)
        rows = [[_cell(value) for value in row] for row in head.itertuples(index=False)]
        header = [str(name) for name in head.columns]
        texts = frozenset(k for k, name in enumerate(head) if head[name].dtype.kind not in "iuf")
        more = len(frame) - len(head)
        caption = f"{self.headline}{f' (first {len(head)} of {len(frame)} rows)' if more else ''}"
        return (
            f"{html_table(caption, header, rows, texts)}\n"
            f"<details><summary>summary</summary><pre>{escape(self.summary())}</pre></details>"
        )


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}" if math.isfinite(value) else "-"
    return str(value)

"""Which runs carry a conclusion: how far it moves when one of them is left out."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from scalejax.errors import UsageError
from scalejax.keywords import keywords
from scalejax.plots.axes import BLUE, DARK, DASHES, VERMILION, Panels, caller_panels, new_panels
from scalejax.quantities import short_number

MOST_PANELS = 4
"""Conclusions of a picture, as many as a page holds."""

COLUMNS = ("row", "label", "conclusion", "change", "change_in_se")


@keywords(axes="ax")
def plot_influence(
    frame: pd.DataFrame, top: int = 15, ax: Axes | Sequence[Axes] | Panels | None = None
) -> Panels:
    """Draw how much each conclusion moves without a row or cluster, the largest first.

    Bars are in standard errors of the conclusion (of its logarithm where it is positive, as
    `scalejax.influence` gives them), with dashed lines at one; beside them stands the
    change in the conclusion's own units. Bars are blue where the conclusion falls without the
    row, orange where it rises.

    Args:
        frame: One row per row or cluster left out and conclusion, with the columns row, label (the
            text that names it), conclusion (text), change, and change_in_se (in units of the
            conclusion's standard error, both of the logarithm for positive numbers).
        top: Bars per conclusion.
        ax: Axes to draw on, one per conclusion; a new figure if not given.

    Returns:
        The axes in an array, one for each of the first four conclusions.

    Raises:
        UsageError: A column is missing, nothing is left to draw, or `ax` holds too few.
    """
    check_columns(frame, COLUMNS, "plot_influence")
    if top < 1:
        raise UsageError(f"top must be at least 1, not {top!r}.")
    conclusions = list(dict.fromkeys(frame["conclusion"]))[:MOST_PANELS]
    panels = caller_panels(ax, len(conclusions))
    if panels is None:
        bars = min(top, int(frame["conclusion"].value_counts().max()))
        columns = min(2, len(conclusions))
        rows = -(-len(conclusions) // columns)
        panels = new_panels(rows, columns, rows * (0.17 * bars + 0.8))
        for empty in panels[len(conclusions) :]:
            empty.remove()
        panels = panels[: len(conclusions)]
    for panel, conclusion in zip(panels, conclusions, strict=True):
        part = frame[frame["conclusion"] == conclusion]
        order = part["change_in_se"].abs().sort_values(ascending=False, kind="stable").index
        _draw_bars(panel, part.loc[order[:top]], str(conclusion))
    return panels


def check_columns(frame: pd.DataFrame, columns: Sequence[str], plot: str) -> None:
    """Refuse a frame that lacks columns or rows.

    Raises:
        UsageError: Columns are missing, or there are no rows.
    """
    if missing := [name for name in columns if name not in frame]:
        raise UsageError(
            f"{plot} needs the columns {', '.join(columns)}; missing {', '.join(missing)}."
        )
    if frame.empty:
        raise UsageError(f"{plot} was given a frame without rows.")


def _draw_bars(ax: Axes, part: pd.DataFrame, conclusion: str) -> None:
    sizes = part["change_in_se"].to_numpy(np.float64)
    ax.barh(range(len(part)), sizes, color=np.where(sizes < 0, BLUE, VERMILION), height=0.7)
    ax.axvline(0, color=DARK, lw=0.8)
    reach = 1.1 * max(float(np.nanmax(np.abs(sizes))), 1e-12)
    for place in (-1, 1) if reach >= 1 else ():
        ax.axvline(place, color=DARK, lw=0.8, ls=DASHES)
    column = ax.get_yaxis_transform()
    for place, change in enumerate(part["change"]):
        text = ("+" if change > 0 else "") + short_number(change).replace("-", "\N{MINUS SIGN}")
        ax.text(1.02, place, text, transform=column, va="center", fontsize=7)
    ax.text(1.02, -1.0, "change", transform=column, va="bottom", fontsize=7, color=DARK)
    ax.set_xlim(-reach, reach)
    ax.set_yticks(range(len(part)), [str(label) for label in part["label"]], fontsize=7)
    ax.set_ylim(len(part) - 0.4, -0.6)
    ax.tick_params(axis="x", labelsize=8)
    ax.set_xlabel("change in standard errors", fontsize=8.5)
    ax.set_title(conclusion, fontsize=9)

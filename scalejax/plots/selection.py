"""Held-out error of each law against how far it extrapolates."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from scalejax.plots.axes import BLUE, GREEN, GREY, ORANGE, VERMILION, new_axes
from scalejax.plots.influence import check_columns
from scalejax.selection import Selection

COLOURS = (BLUE, VERMILION, GREEN, ORANGE, GREY)
MARKERS = ("o", "s", "^", "D", "v")
COLUMNS = ("law", "decades_beyond", "are")

# Parts of the distance, of equal counts, with a median each; by eye.
_BINS = 6


def plot_selection(selection: Selection | pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw the held-out error of every law against the distance extrapolated.

    Dots are held-out runs, lines go through the median of each sixth of the distance.

    Args:
        selection: The selection, or its frame of errors (`Selection.errors`).
        ax: Axes to draw on; a new figure if not given.

    Returns:
        The axes.

    Raises:
        UsageError: A column is missing, or there are no rows.
    """
    errors = selection if isinstance(selection, pd.DataFrame) else selection.errors()
    check_columns(errors, COLUMNS, "plot_selection")
    ax = new_axes(3.6) if ax is None else ax
    distance = errors["decades_beyond"].to_numpy(np.float64)
    edges = np.unique(np.quantile(distance, np.linspace(0, 1, _BINS + 1)))
    for place, (name, rows) in enumerate(errors.groupby("law", sort=False)):
        style: dict[str, Any] = {"color": COLOURS[place % 5], "marker": MARKERS[place % 5]}
        beyond, size = rows["decades_beyond"].to_numpy(), 100 * rows["are"].to_numpy()
        ax.plot(beyond, size, ls="none", ms=2.5, alpha=0.35, **style)
        part = np.clip(np.searchsorted(edges, beyond, side="right"), 1, max(len(edges) - 1, 1))
        groups = [part == k for k in np.unique(part)]
        middle = [float(np.median(beyond[g])) for g in groups]
        typical = [float(np.median(size[g])) for g in groups]
        ax.plot(middle, typical, lw=1.5, ms=5, label=str(name), **style)
    ax.set_yscale("log")
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:g} %")
    ax.set_xlabel("decades beyond the largest training run", fontsize=8.5)
    ax.set_ylabel("error of a held-out run", fontsize=8.5)
    ax.tick_params(labelsize=8)
    ax.legend(fontsize=7.5, frameon=False)
    ax.set_title("What was held out", fontsize=9)
    return ax

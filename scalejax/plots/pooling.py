"""What pooling did to each family: its own fit, the pooled estimate, the middle of all."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from scalejax.keywords import keywords
from scalejax.plots.axes import BLUE, GREY, VERMILION, Panels, caller_panels, log_ticks, new_panels
from scalejax.plots.influence import check_columns
from scalejax.pooling import Pooled

COLUMNS = ("group", "parameter", "estimate", "lo", "hi", "separate", "n")

# Ratio of the largest to the smallest end from which an axis is logarithmic.
_LOGARITHMIC = 10.0


@keywords(axes="ax")
def plot_pooled(
    pooled: Pooled | pd.DataFrame, ax: Axes | Sequence[Axes] | Panels | None = None
) -> Panels:
    """Draw each family's parameters, by itself and pooled, one panel a parameter.

    A cross is the fit of a family by itself, where it has enough runs; the dot and its interval are
    pooled, and the line is the middle of all families. A cross beyond the frame is an arrow: such
    families are why one pools.

    Args:
        pooled: The families, or their frame (`Pooled.to_frame`).
        ax: One axes per parameter; new ones in a row if not given.

    Returns:
        The axes.

    Raises:
        UsageError: A column is missing, or there are no rows.
    """
    estimates = pooled if isinstance(pooled, pd.DataFrame) else pooled.to_frame()
    check_columns(estimates, COLUMNS, "plot_pooled")
    names = list(dict.fromkeys(estimates["parameter"]))
    caller = caller_panels(ax, len(names))
    tall = 1.0 + 0.24 * estimates["group"].nunique()
    panels = new_panels(1, len(names), tall, sharey=True) if caller is None else caller
    for panel, name in zip(panels, names, strict=True):
        _panel(panel, estimates[estimates["parameter"] == name], name)
    handles, labels = panels[0].get_legend_handles_labels()
    style: dict[str, Any] = {"fontsize": 7.5, "frameon": False}
    if caller is None:
        panels[0].figure.legend(handles, labels, loc="outside lower center", ncols=2, **style)
    else:
        panels[0].legend(handles, labels, **style)
    return panels


def _panel(ax: Axes, rows: pd.DataFrame, name: str) -> None:
    place = np.arange(len(rows))[::-1]
    low, middle, high = (rows[key].to_numpy(np.float64) for key in ("lo", "estimate", "hi"))
    alone = rows["separate"].to_numpy(np.float64)
    ax.axvline(float(np.median(middle)), color=GREY, lw=0.8, zorder=0)
    ax.hlines(place, low, high, color=BLUE, lw=1.4)
    ax.plot(middle, place, "o", color=BLUE, ms=3.5, label="pooled, 95 %")
    if np.min(low) > 0 and np.max(high) / np.min(low) > _LOGARITHMIC:
        ax.set_xscale("log")
        log_ticks(ax.xaxis, *ax.get_xlim())
    left, right = ax.get_xlim()
    inside = (alone >= left) & (alone <= right)
    ax.plot(alone[inside], place[inside], "x", color=VERMILION, ms=4.5, label="by itself")
    for beyond, marker, end in ((alone < left, "<", left), (alone > right, ">", right)):
        at = np.full(int(beyond.sum()), end)
        ax.plot(at, place[beyond], marker, color=VERMILION, ms=4.5)
    ax.set_xlim(left, right)
    ax.set_yticks(place, [f"{g}" for g in rows["group"]])
    ax.tick_params(labelsize=7)
    ax.set_title(name, fontsize=8.5)

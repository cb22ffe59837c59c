"""What a study says about estimating laws: held-out error against each thing that was varied."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from scalejax.errors import UsageError
from scalejax.plots.axes import BLUE, GREEN, GREY, ORANGE, VERMILION, new_axes

if TYPE_CHECKING:
    from scalejax.studies import StudyResult

AXES = {
    "models": "models fitted (besides the target)",
    "scale": "size of the target / largest size fitted",
    "until": "share of each training used",
    "since": "share of each training left out at its start",
    "own": "share of the target's own training used",
    "drop": "billion tokens dropped at the start",
}
_COLOURS = (BLUE, VERMILION, GREEN, ORANGE, GREY)
_MARKERS = ("o", "s", "^", "D", "v")
_BINS = 5


def study_errors(result: "StudyResult", axis: str, level: float = 0.95) -> pd.DataFrame:
    """Median held-out error of each recipe against one of `AXES`, with intervals.

    Args:
        result: The study.
        axis: What was varied.
        level: Probability of the intervals, from resampling families.

    Returns:
        recipe, x, ARE, lo, hi, problems. ``scale`` is cut into five parts of equal counts.
    """
    frame = result.frame
    if axis == "scale":
        ratio = frame["N_target"] / frame["N_largest"]
        edges = np.unique(np.nanquantile(ratio, np.linspace(0, 1, _BINS + 1)))
        part = np.clip(np.searchsorted(edges, ratio, side="right"), 1, max(len(edges) - 1, 1))
        x = ratio.groupby([frame["recipe"], part]).transform("median")
    else:
        x = frame[axis].where(frame[axis] >= 0) / (1e9 if axis == "drop" else 1)
    found = result.of(frame.assign(x=x).dropna(subset="x")).errors(["recipe", "x"], level)
    return found[found["problems"] > 0].reset_index(drop=True)


def plot_study(result: "StudyResult", axis: str | None = None, ax: Axes | None = None) -> Axes:
    """Draw the held-out error against one thing that the study varied.

    Args:
        result: The study.
        axis: One of `AXES`; the first that was varied if not given.
        ax: Axes to draw on; a new figure if not given.

    Returns:
        The axes.

    Raises:
        UsageError: Nothing was varied, or nothing was held out.
    """
    varied = [name for name in AXES if name != "scale" and result.frame[name].nunique() > 1]
    axis = axis or next(iter(varied), "scale")
    if axis not in AXES:
        raise UsageError(f"axis is one of {', '.join(AXES)}, not {axis!r}.")
    found = study_errors(result, axis)
    if found.empty:
        raise UsageError("nothing was held out and predicted: there is no error to draw.")
    ax = new_axes(3.6) if ax is None else ax
    for place, (name, rows) in enumerate(found.groupby("recipe", sort=False)):
        x, error = rows["x"].to_numpy(float), 100 * rows["ARE"].to_numpy()
        around = [error - 100 * rows["lo"].fillna(rows["ARE"]).to_numpy()]
        around += [100 * rows["hi"].fillna(rows["ARE"]).to_numpy() - error]
        ax.errorbar(
            x,
            error,
            yerr=np.maximum(around, 0),
            color=_COLOURS[place % 5],
            marker=_MARKERS[place % 5],
            lw=1.3,
            ms=4.5,
            capsize=2,
            label=str(name),
        )
    if axis == "scale":
        ax.set_xscale("log")
    ax.set_yscale("log")
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:g} %")
    ax.yaxis.set_minor_formatter(lambda value, _: "")
    ax.axhline(4, color=GREY, lw=0.8, ls=":")
    ax.set_xlabel(AXES[axis], fontsize=8.5)
    ax.set_ylabel("median error on the target", fontsize=8.5)
    ax.tick_params(labelsize=8)
    ax.legend(fontsize=7.5, frameon=False)
    ax.set_title("Held-out error (dotted: what seeds differ by)", fontsize=9)
    return ax

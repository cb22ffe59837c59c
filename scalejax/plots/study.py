"""Held-out error of the laws of a study against each thing that the study varied."""

from collections.abc import Sequence
from textwrap import fill
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from scalejax.errors import UsageError
from scalejax.keywords import keywords
from scalejax.plots.axes import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    VERMILION,
    Panels,
    caller_panels,
    legend_place,
    log_ticks,
    new_axes,
    new_panels,
    small_text,
)
from scalejax.studies import SEED_FLOOR, StudyResult

AXES = {
    "models": "models fitted besides the target",
    "scale": "size of the target / largest size fitted",
    "until": "share of each training used",
    "since": "share of each training left out at its start",
    "own": "share of the target's own training used",
    "drop": "billion tokens dropped at the start",
}
_COLOURS = (BLUE, VERMILION, GREEN, ORANGE, GREY)
_MARKERS = ("o", "s", "^", "D", "v")
_LINES = ("-", "--", ":", "-.")
_TITLE = "Held-out error\n(dotted: what seeds differ by; hollow: one family)"

# By eye: parts of the scale with a median each; columns of the legend; letters that fill the width
# of a figure; width that the points of one value spread over.
_BINS = 5
_BELOW = 3
_WORDS = 66
_BESIDE = 0.4


def study_errors(result: StudyResult, axis: str, level: float = 0.95) -> pd.DataFrame:
    """Median held-out error of each recipe against one of `AXES`, with intervals.

    Args:
        result: The study.
        axis: One of `AXES`.
        level: Probability of the intervals, from resampling families.

    Returns:
        What `StudyResult.errors` gives, by recipe and x. ``scale`` is cut into five parts of equal
        counts; x is infinite where ``models`` is all of them.
    """
    frame = result.frame
    if axis == "scale":
        ratio = frame["N_target"] / frame["N_largest"]
        edges = np.unique(np.nanquantile(ratio, np.linspace(0, 1, _BINS + 1)))
        part = np.clip(np.searchsorted(edges, ratio, side="right"), 1, max(len(edges) - 1, 1))
        x = ratio.groupby([frame["recipe"], part]).transform("median")
    else:
        x = frame[axis].where(frame[axis] >= 0, np.inf) / (1e9 if axis == "drop" else 1)
    errors = result.of(frame.assign(x=x).dropna(subset="x")).errors(["recipe", "x"], level)
    return errors[errors["problems"] > 0].reset_index(drop=True)


@keywords(axes="ax")
def plot_study(result: StudyResult, axis: str | None = None, ax: Axes | None = None) -> Axes:
    """Draw the held-out error against one thing that the study varied.

    A point is the median over the families that could be fitted there, which need not be the same
    everywhere; whatever else was varied is mixed in it. It is hollow where that is a single family,
    so that nothing says how far other families are from it.

    Args:
        result: The study.
        axis: One of `AXES`; the first that was varied if not given.
        ax: Axes to draw on; a new figure if not given.

    Returns:
        The axes.

    Raises:
        UsageError: Nothing was varied, or nothing was held out.
    """
    axis = axis or varying(result)[0]
    if axis not in AXES:
        raise UsageError(f"axis is one of {', '.join(AXES)}, not {axis!r}.")
    errors = study_errors(result, axis)
    if errors.empty:
        raise UsageError("nothing was held out and predicted: there is no error to draw.")
    own_figure = ax is None
    ax = new_axes(3.6) if ax is None else ax
    recipes = errors["recipe"].unique()
    values = np.sort(errors["x"].unique())
    for k, (name, rows) in enumerate(errors.groupby("recipe", sort=False)):
        x = rows["x"].to_numpy(float)
        if axis != "scale":
            # Side by side, so that no interval hides another.
            aside = _BESIDE * ((k + 0.5) / len(recipes) - 0.5)
            x = np.searchsorted(values, x) + aside
        _draw(ax, x, rows, str(name), k)
    if axis == "scale":
        ax.set_xscale("log")
        log_ticks(ax.xaxis, *ax.get_xlim())
    else:
        ax.set_xticks(range(len(values)), [_tick(axis, value) for value in values])
        ax.set_xlim(-0.5, len(values) - 0.5)
    ax.axhline(SEED_FLOOR, color=GREY, lw=0.8, ls=":")
    ax.set_yscale("log")
    log_ticks(ax.yaxis, *ax.get_ylim())
    ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
    ax.set_xlabel(AXES[axis])
    ax.set_ylabel("median error on the target")
    ax.set_title(_TITLE)
    small_text(ax)
    ax.legend(**legend_place(own_figure))
    return ax


def plot_study_panels(
    result: StudyResult, ax: Axes | Sequence[Axes] | Panels | None = None
) -> Panels:
    """Draw the held-out error against everything that the study varied, a panel each.

    Args:
        result: The study.
        ax: Axes to draw on; a new figure if not given.

    Returns:
        The axes.

    Raises:
        UsageError: Nothing was held out.
    """
    names = varying(result)
    panels = caller_panels(ax, len(names))
    own_figure = panels is None
    if panels is None:
        panels = new_panels(1, len(names), 3.8, sharey=True)
    for place, (name, panel) in enumerate(zip(names, panels, strict=True)):
        plot_study(result, name, panel)
        if len(names) > 1:
            panel.set_xlabel(fill(AXES[name], _WORDS // len(names)))
        if place:
            panel.set_ylabel("")
        if place or own_figure:
            panel.set_title("")
            panel.get_legend().remove()
    if own_figure:
        figure = panels[0].figure
        figure.suptitle(_TITLE, fontsize=8.5)
        handles, labels = panels[0].get_legend_handles_labels()
        # Below all panels, where it covers nothing.
        figure.legend(handles, labels, loc="outside lower center", ncols=_BELOW, fontsize=8)
    return panels


def varying(result: StudyResult) -> list[str]:
    """The names in `AXES` that the study varied; ``"scale"`` if there are none."""
    names = [name for name in AXES if name != "scale" and result.frame[name].nunique() > 1]
    return names or ["scale"]


def _draw(ax: Axes, x: Any, rows: pd.DataFrame, name: str, k: int) -> None:
    """The points of one recipe, with their intervals where there are some."""
    error = rows["ARE"].to_numpy()
    low, high = (rows[end].fillna(rows["ARE"]).to_numpy() for end in ("lo", "hi"))
    colour, marker = _COLOURS[k % 5], _MARKERS[k % 5]
    ax.errorbar(
        x,
        error,
        yerr=np.maximum([error - low, high - error], 0),
        color=colour,
        marker=marker,
        ls=_LINES[k // 5 % len(_LINES)],
        lw=1.3,
        ms=4.5,
        capsize=2,
        label=name,
    )
    alone = rows["families"].to_numpy() < 2
    ax.plot(x[alone], error[alone], marker, ms=4.5, color=colour, mfc="white", zorder=3)


def _tick(axis: str, value: float) -> str:
    if np.isinf(value):
        return "all"
    return f"{100 * value:g} %" if axis in ("until", "since", "own") else f"{value:g}"

"""Contours of loss and cost around a plan, and how demand moves the best model."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from scalejax._arrays import Floats
from scalejax.errors import UsageError
from scalejax.keywords import keywords
from scalejax.planning import Contours, Plan, contours
from scalejax.plots.axes import (
    BEYOND_ALPHA,
    BLUE,
    DARK,
    GREEN,
    GREY,
    ORANGE,
    VERMILION,
    Panels,
    axis_label,
    caller_panels,
    legend_place,
    log_ticks,
    new_axes,
    new_panels,
    small_text,
    tick_text,
    with_unit,
)
from scalejax.plots.frontier import OWN

# Levels nearer to the optimum's own line than this share of the range would overlap it, by eye.
_NEAR = 0.04

# Points of the grid at its edges that get no label, by eye.
_MARGIN = 4


@keywords(axes="ax")
def plot_contours(source: Plan | Contours, ax: Axes | None = None) -> Axes:
    """Draw loss and cost in the plane of N and D around the optimum of a plan.

    Where a line of equal loss touches a line of equal cost is the optimum of both. Grey is outside
    the limits of the plan; dots are the optima of draws; the named candidates are crosses.

    Args:
        source: A plan, or what `scalejax.planning.contours` gives.
        ax: Axes to draw on; a new figure if not given.

    Returns:
        The axes.

    Raises:
        UsageError: The plan has no optimum, or nothing is decided in it.
    """
    around = contours(source) if isinstance(source, Plan) else source
    own_figure = ax is None
    ax = new_axes(4.4) if ax is None else ax
    plane = (around.N, around.D)
    # Labels of lines are turned as the scales are when they are made.
    ax.set(xscale="log", yscale="log", xlim=around.N[[0, -1]], ylim=around.D[[0, -1]])
    ax.contourf(*plane, around.excess, levels=[0.0, np.inf], colors=[GREY], alpha=BEYOND_ALPHA)
    side = len(around.N) // 3
    _draw_levels(ax, around, around.loss, _loss_levels(around), -side, _LOSS_LINES)
    _draw_levels(ax, around, around.cost, _decades(around.cost), side, _COST_LINES)
    if around.draws:
        ax.scatter(around.draws["N"], around.draws["D"], s=5, color=DARK, alpha=0.4, lw=0, zorder=4)
    ax.plot(around.path["N"], around.path["D"], color=GREEN, lw=1.4)
    ax.plot(around.optimum["N"], around.optimum["D"], **OWN)
    _draw_candidates(ax, around.candidates)
    _format_plane(ax, "N", "D")
    ax.legend(handles=_plane_entries(around), **legend_place(own_figure))
    return ax


_LOSS_LINES: Any = {"colors": BLUE, "linestyles": "-"}
_COST_LINES: Any = {"colors": ORANGE, "linestyles": "--"}


def _draw_levels(
    ax: Axes, around: Contours, values: Floats, levels: Floats, side: int, style: Any
) -> None:
    """Draw lines of equal value and label them `side` points off the path."""
    middle = len(around.N) // 2
    own = float(values[middle, middle])
    levels = levels[np.abs(np.log(levels / own)) > _NEAR * np.ptp(np.log(np.diagonal(values)))]
    rows = np.arange(max(side, 0) + _MARGIN, len(around.N) + min(side, 0) - _MARGIN)
    for group, width in ((levels, 0.8), (np.array([own]), 1.8)):
        lines = ax.contour(around.N, around.D, values, levels=group, linewidths=width, **style)
        places = _crossings(around.N, around.D, values, rows, rows - side, group)
        text = (lambda loss: f"{loss:.4g}") if style is _LOSS_LINES else tick_text
        ax.clabel(lines, fontsize=7, fmt=text, inline_spacing=4, manual=places)


def _crossings(
    across: Floats, up: Floats, values: Floats, rows: Any, columns: Any, levels: Floats
) -> list[tuple[float, float]]:
    """Points at which the values along a path through the grid equal a level."""
    along = values[rows, columns]
    order = np.argsort(along)
    order = order[np.isfinite(along[order])]
    inside = [level for level in levels if along[order[0]] < level < along[order[-1]]]
    sides = (np.log(across[columns]), np.log(up[rows]))
    x, y = (np.exp(np.interp(inside, along[order], side[order])) for side in sides)
    return list(zip(x, y, strict=True))


def _loss_levels(around: Contours) -> Floats:
    """Losses at even steps along the diagonal, to three digits."""
    steps = np.diagonal(around.loss)[:: max(len(around.N) // 8, 1)]
    return np.unique([float(f"{loss:.3g}") for loss in steps if np.isfinite(loss)])


def _decades(values: Floats) -> Floats:
    low, high = np.log10(np.nanmin(values)), np.log10(np.nanmax(values))
    return np.asarray(10.0 ** np.arange(np.ceil(low), np.floor(high) + 1))


def _draw_candidates(ax: Axes, candidates: pd.DataFrame) -> None:
    for row in candidates.to_dict("records"):
        if not {"N", "D"} <= set(row) or not np.isfinite([row["N"], row["D"]]).all():
            continue
        ax.plot(row["N"], row["D"], marker="x", color=VERMILION, ms=6, mew=1.8, zorder=6)
        ax.annotate(
            str(row["candidate"]),
            (row["N"], row["D"]),
            xytext=(5, 4),
            textcoords="offset points",
            fontsize=7.5,
            color=VERMILION,
            annotation_clip=True,
        )


def _format_plane(ax: Axes, across: str, up: str) -> None:
    ax.set_xlabel(axis_label(across))
    ax.set_ylabel(axis_label(up))
    log_ticks(ax.xaxis, *ax.get_xlim())
    log_ticks(ax.yaxis, *ax.get_ylim())


def _plane_entries(around: Contours) -> list[Artist]:
    cost = around.measure.name
    if around.measure.unit not in (cost, "USD"):
        cost = f"{cost}\n({around.measure.unit})"
    entries: list[Artist] = [
        Line2D([], [], label="the plan", **OWN),
        Line2D([], [], color=BLUE, lw=1.2, label=with_unit("equal loss", around.unit, "\n")),
        Line2D([], [], color=ORANGE, lw=1.2, ls="--", label=f"equal {cost}"),
        Line2D([], [], color=GREEN, lw=1.4, label="best at other\nlimits"),
        Patch(facecolor=GREY, alpha=2 * BEYOND_ALPHA, lw=0, label="outside the limits"),
    ]
    if around.draws:
        entries.append(Line2D([], [], color=DARK, marker=".", ls="none", label="optima of draws"))
    if len(around.candidates):
        entries.append(
            Line2D([], [], color=VERMILION, marker="x", mew=1.8, ls="none", label="candidates")
        )
    return entries


_SURFACES: Mapping[str, tuple[str, tuple[float, ...], float]] = {
    "N_ratio": ("size N*/N$_{C}$", (0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9), 1.0),
    "D_ratio": ("data D*/D$_{C}$", (1.1, 1.5, 2, 3, 5, 10, 20, 50), 1.0),
    "saving": ("FLOP saved (%)", (1, 5, 15, 30, 50, 70, 85), 100.0),
}


def plot_ratio_surface(
    frame: pd.DataFrame, ax: Axes | Sequence[Axes] | Panels | None = None
) -> Panels:
    """Draw how demand moves the best model from the compute-optimal one.

    The plot is figure 1 of Sardana, Portes, Doubov and Frankle 2024 (arXiv:2401.00448).

    Args:
        frame: What `scalejax.planning.ratio_surface` gives for two sizes and two demands or more.
        ax: Three axes to draw on; a new figure if not given.

    Returns:
        The three axes.

    Raises:
        UsageError: There are too few sizes or demands.
    """
    across, up = (np.unique(frame[name]) for name in ("N_chinchilla", "demand"))
    if min(len(across), len(up)) < 2:
        raise UsageError("a surface needs two sizes and two demands at least.")
    panels = caller_panels(ax, 3)
    if panels is None:
        panels = new_panels(1, 3, 2.7, sharex=True, sharey=True)
    for panel, (column, (title, levels, factor)) in zip(panels, _SURFACES.items(), strict=True):
        table = frame.pivot_table(index="demand", columns="N_chinchilla", values=column)
        panel.set(xscale="log", yscale="log", xlim=across[[0, -1]], ylim=up[[0, -1]], title=title)
        _draw_surface(panel, across, up, factor * table.to_numpy(), np.array(levels))
        _format_plane(panel, "N", "tokens served")
        panel.set_xlabel("compute-optimal N$_{C}$\nof the same loss")
        small_text(panel)
        if ax is None:
            panel.label_outer()
    return panels


def _draw_surface(ax: Axes, across: Floats, up: Floats, values: Floats, levels: Floats) -> None:
    """Shades between levels, pale enough for the labels of the lines."""
    shades = colormaps["Blues"](np.linspace(0.0, 0.6, len(levels) + 1))
    ax.contourf(across, up, values, levels=levels, extend="both", colors=shades)
    lines = ax.contour(across, up, values, levels=levels, colors=DARK, linewidths=0.7)
    steps = np.linspace(0, 1, 10 * max(values.shape))
    rows = np.rint(steps * (len(up) - 1)).astype(int)
    columns = np.rint((1 - steps) * (len(across) - 1)).astype(int)
    places = _crossings(across, up, values, rows, columns, levels)
    ax.clabel(lines, fontsize=7, fmt="{:g}".format, inline_spacing=4, manual=places)

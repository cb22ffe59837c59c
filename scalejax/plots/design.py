"""A design in a picture: the old and the new runs, and what more money would buy."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from scalejax.compute import SIX_N_D, Compute
from scalejax.designing import Design
from scalejax.errors import UsageError
from scalejax.keywords import keywords
from scalejax.plots.axes import (
    BLUE,
    GREY,
    VERMILION,
    Panels,
    axis_label,
    caller_panels,
    format_input_axis,
    log_ticks,
    new_panels,
    small_text,
    tick_text,
)

# Widths this many times that of the design are left out: they would flatten the curve. By eye.
_FAR = 30


@keywords(axes="ax")
def plot_design(design: Design, ax: Axes | Sequence[Axes] | Panels | None = None) -> Panels:
    """Draw the runs of a design among those so far, and the expected width against money.

    Lines of equal training compute are grey. The area of a new run is its number of repeats.

    Args:
        design: A design for a law with N and D.
        ax: Two axes to draw on; a new figure if not given.

    Returns:
        The two axes.

    Raises:
        UsageError: The law has no N and D.
    """
    if not {"N", "D"} <= set(design.question.setting.model.law.inputs):
        raise UsageError("plot_design draws runs of N and D, and this law has other inputs.")
    panels = caller_panels(ax, 2)
    if panels is None:
        panels = new_panels(1, 2, 3.3)
    _draw_runs(panels[0], design)
    _draw_width(panels[1], design)
    for panel in panels:
        small_text(panel)
    # Above the axes: its marks look like runs where they lie among them.
    above = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0), "ncols": 2}
    panels[0].legend(fontsize=7.5, frameon=False, **above)
    panels[1].legend(fontsize=7.5, frameon=False)
    return panels


def _draw_runs(ax: Axes, design: Design) -> None:
    old, new = design.before_frame(), design.runs
    if len(old):
        ax.plot(old["N"], old["D"], "o", color=GREY, ms=4, mfc="none", label="runs so far")
    size = 28.0 * new["count"].to_numpy()
    ax.scatter(
        new["N"], new["D"], s=size, color=VERMILION, alpha=0.85, lw=0, zorder=5, label="next runs"
    )
    ax.set_yscale("log")
    format_input_axis(ax, "N")
    ax.margins(0.12)
    log_ticks(ax.yaxis, *ax.get_ylim())
    ax.set_ylabel(axis_label("D"))
    _draw_isocost(ax, design.source.compute or SIX_N_D)


def _draw_isocost(ax: Axes, compute: Compute) -> None:
    """Draw lines of equal compute, a decade or more apart, inside the limits of the axes."""
    (n_low, n_high), (d_low, d_high) = ax.get_xlim(), ax.get_ylim()
    ends = np.log10([compute.flop(n_low, d_low), compute.flop(n_high, d_high)])
    step = max(1, int(np.ceil((ends[1] - ends[0]) / 6)))
    sizes = np.geomspace(n_low, n_high, 50)
    for power in np.arange(np.ceil(ends[0]), ends[1], step):
        ax.plot(sizes, compute.tokens(10**power, sizes), color=GREY, lw=0.6, zorder=1)
        place = min(n_high, float(compute.size(10**power, d_low))) / 1.15
        height = compute.tokens(10**power, place)
        if d_low < height < d_high and place > n_low:
            ax.text(place, height, tick_text(10**power), fontsize=6.5, color=GREY, ha="right")
    ax.set_xlim(n_low, n_high)
    ax.set_ylim(d_low, d_high)


def _draw_width(ax: Axes, design: Design) -> None:
    frame = design.width_against_cost()
    frame = frame[np.isfinite(frame["width"])]
    scale = 100.0 if design.relative else 1.0
    ax.plot(frame["cost"], scale * frame["width"], color=BLUE, lw=1.6, label="best runs")
    ax.plot(design.cost, scale * design.width, "D", color=VERMILION, ms=5, label="this design")
    scores = design.scores.iloc[1:]
    for name, half in zip(scores["design"], scores["width"].to_numpy(np.float64), strict=True):
        if np.isfinite(half) and half < _FAR * design.width:
            place = (design.cost, scale * float(half))
            ax.plot(*place, "_", ms=9, color=GREY)
            ax.annotate(
                str(name), place, xytext=(6, -2), textcoords="offset points", fontsize=6, color=GREY
            )
    now = design.width_before
    if np.isfinite(now) and now < _FAR * design.width:
        ax.axhline(scale * now, color=GREY, lw=0.8, ls="--", label="runs so far")
    ax.set_yscale("log")
    format_input_axis(ax, f"money ({design.unit})")
    log_ticks(ax.yaxis, *ax.get_ylim())
    unit = " (%)" if design.relative else ""
    ax.set_ylabel(f"half width, {100 * design.level:g} %{unit}")
    ax.set_title(design.target)

"""IsoFLOP slices: the runs of each compute budget, their parabola, and the law beside it.

Parabolas are approach 2 of Hoffmann et al. 2022 (arXiv:2203.15556).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from scalejax.fitting import Fit
from scalejax.isoflop import Isoflop, isoflop
from scalejax.plots.axes import (
    DARK,
    DASHES,
    format_input_axis,
    format_loss_axis,
    legend_place,
    new_axes,
    value_colours,
)
from scalejax.quantities import LOSS, short_number

MOST_BUDGETS = 9
"""Budgets of a picture: more would be too many colours and lines of a legend."""

_PARABOLA_MARK: Any = {
    "marker": "v",
    "ms": 7,
    "mfc": "white",
    "mew": 1.4,
    "ls": "none",
    "zorder": 5,
}
_LAW_MARK: Any = {"marker": "*", "ms": 10, "mec": "white", "mew": 0.6, "ls": "none", "zorder": 6}


def plot_isoflop(result: Isoflop | Fit, ax: Axes | None = None) -> Axes:
    """Draw the runs by budget, their parabolas (dashed) and the slices of the law (solid).

    The minima of the parabolas are triangles, the true optima of the law stars. The legend gives
    each minimum and its bias: how far the parabola of noise-free runs of the law at the same
    points lies from the law's optimum. Of many budgets the nine with most runs are drawn.

    Args:
        result: What `scalejax.isoflop.isoflop` gives, or a fit of a law of N and D.
        ax: Axes to draw on; a new figure if not given.

    Returns:
        The axes.

    Raises:
        UsageError: The law has other inputs, or no budget has runs of four sizes.
    """
    if isinstance(result, Fit):
        result = isoflop(result)
    own_figure = ax is None
    ax = new_axes(4.2) if ax is None else ax
    most = result.minima.nlargest(MOST_BUDGETS, "runs").sort_values("C")
    curves = result.slices()
    handles: list[Artist] = []
    for best in most.to_dict("records"):
        colour = value_colours(best["C"], most["C"])
        runs = result.runs[result.runs["C"] == best["C"]]
        curve = curves[curves["C"] == best["C"]]
        along = result.along
        ax.scatter(runs[along], runs["loss"], s=12, color=colour, alpha=0.75, lw=0, zorder=3)
        (line,) = ax.plot(curve[along], curve["law"], color=colour, lw=1.3, zorder=2)
        ax.plot(curve[along], curve["parabola"], color=colour, lw=1.3, ls=DASHES, zorder=2)
        ax.plot(best[along], best["loss"], mec=colour, **_PARABOLA_MARK)
        ax.plot(best[f"{along}_law"], best["loss_law"], mfc=colour, **_LAW_MARK)
        line.set_label(_describe(best, along))
        handles.append(line)
    format_input_axis(ax, result.along)
    format_loss_axis(ax, str(result.runs.attrs.get("loss_unit", LOSS.unit)))
    count = f"{len(most)} of {len(result.minima)}" if len(most) < len(result.minima) else len(most)
    ax.set_title(f"isoFLOP slices of {count} budgets", fontsize="medium")
    handles = [*_styles(result), *handles]
    ax.legend(handles=handles, title=_exponents(result), **legend_place(own_figure))
    return ax


def _describe(best: Mapping[Any, Any], along: str) -> str:
    minimum, bias = best[along], best[f"{along}_bias_percent"]
    text = f"C = {best['C']:.2g}: {along}* = ".replace("e+", "e")
    if not np.isfinite(minimum):
        return text + "none"
    edge = "" if best["inside"] else " (beyond the runs)"
    return f"{text}{short_number(minimum)}{edge}, bias {bias:+.1f} %"


def _exponents(result: Isoflop) -> str:
    return (
        f"exponent a of N* ~ C^a:\n{result.exponents['N']:.3f} by parabolas "
        f"({result.exponents_noise_free['N']:.3f} without noise)\n"
        f"{result.exponents_law['N']:.3f} by the law"
    )


def _styles(result: Isoflop) -> list[Line2D]:
    return [
        Line2D([], [], color=DARK, lw=1.3, label=result.law.name),
        Line2D([], [], color=DARK, lw=1.3, ls=DASHES, label="parabola"),
        Line2D([], [], mec=DARK, label="minimum of the parabola", **_PARABOLA_MARK),
        Line2D([], [], mfc=DARK, label="optimum of the law", **_LAW_MARK),
    ]

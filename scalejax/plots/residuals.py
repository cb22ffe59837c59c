"""What the law misses: residuals against the inputs, compute and the order of the rows.

A law that fits leaves residuals without a trend; a running median that leaves zero at one end says
that the law bends differently from the runs, and extrapolates accordingly.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from scalejax._arrays import Floats
from scalejax.fitting import Fit
from scalejax.keywords import keywords
from scalejax.plots.axes import (
    BLUE,
    DARK,
    DASHES,
    GREEN,
    VERMILION,
    Panels,
    caller_panels,
    format_input_axis,
    new_panels,
    small_text,
)

LABELLED = 5
"""Rows that are named in a plot."""

# Standard deviation of a normal distribution over the median of absolute values.
_ROBUST_SD = 1.4826

# Up to so many different values each has a median of its own; by eye.
_STEPS = 12

# Width and height of a label, as shares of a panel: nearer rows share one. By eye.
_LABEL_SIZE = (0.16, 0.05)


def residual_frame(fit: Fit) -> pd.DataFrame:
    """Residuals of a fit with everything they may depend on.

    Args:
        fit: The fit.

    Returns:
        One row per row of the table: row (number in the source), the inputs, C (FLOP) if
        the law has N and D but not C, order from 1, predicted and observed loss, residual
        (predicted minus observed, of the log loss or the loss as the objective has it), weight,
        cluster if the table has clusters, and scaled: the residual times the square root of its
        relative weight, in robust standard deviations (1.4826 times the median absolute value).
    """
    table, residual = fit.table, fit.residuals
    columns: dict[str, Any] = {"row": table.row, **table.inputs}
    if {"N", "D"} <= {*table.inputs} and "C" not in table.inputs:
        columns["C"] = table.flop
    log = fit.objective.kernel.log
    columns |= {
        "order": np.arange(1, table.n_rows + 1),
        "predicted": table.target * np.exp(residual) if log else table.target + residual,
        "observed": table.target,
        "residual": residual,
        "weight": table.weight,
    }
    if table.cluster is not None:
        columns["cluster"] = [table.cluster_labels[code] for code in table.cluster]
    relative = residual * np.sqrt(table.weight / np.mean(table.weight))
    spread = _ROBUST_SD * float(np.median(np.abs(relative)))
    return pd.DataFrame({**columns, "scaled": relative / spread if spread > 0 else np.nan})


@keywords(axes="ax")
def plot_residuals(fit: Fit, ax: Axes | Sequence[Axes] | Panels | None = None) -> Panels:
    """Draw the residuals against every input, compute and the order of the rows.

    Each panel has a line at zero, a running median, Huber's delta if that is the objective, and
    the numbers of the rows that are missed most.

    Args:
        fit: The fit.
        ax: Axes to draw on, one per panel; a new figure if not given.

    Returns:
        The axes, one per panel, in an array.

    Raises:
        UsageError: `ax` holds too few axes.
    """
    frame = residual_frame(fit)
    against = [name for name in frame.columns[1:] if name in (*fit.law.inputs, "C", "order")]
    columns = 2 if len(against) <= 4 else 3
    rows = -(-len(against) // columns)
    panels = caller_panels(ax, len(against))
    if panels is None:
        panels = new_panels(rows, columns, 2.3 * rows + 0.3, sharey=True)
        for empty in panels[len(against) :]:
            empty.remove()
        panels = panels[: len(against)]
        panels[0].figure.legend(
            handles=_legend(fit), loc="outside upper center", ncols=4, fontsize=8, frameon=False
        )
    what = "log loss" if fit.objective.kernel.log else "loss"
    for number, (panel, name) in enumerate(zip(panels, against, strict=True)):
        _draw_panel(panel, fit, frame, name)
        if ax is not None or number % columns == 0:
            panel.set_ylabel(f"residual of the {what}\n(predicted - observed)")
        small_text(panel)
    return panels


def running_median(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Medians of y along x: at each value if there are few, else over a fifth of the points.

    Args:
        x: Places, (n,).
        y: Values, (n,).

    Returns:
        Places and medians, (k,) each.
    """
    # Six digits: the compute of one budget differs by rounding.
    x = np.array([float(f"{value:.6g}") for value in x])
    values = np.unique(x)
    if len(values) <= _STEPS and len(x) >= 3 * len(values):
        return values, np.array([np.median(y[x == value]) for value in values])
    order = np.argsort(x, kind="stable")
    half = max(3, len(x) // 10)
    # At the ends the windows are cut, so that the line reaches the last points.
    centres = np.unique(np.linspace(2, len(x) - 3, 4 * _STEPS).astype(int))
    windows = [order[max(0, centre - half) : centre + half + 1] for centre in centres]
    middle = np.array([np.median(x[window]) for window in windows])
    return middle, np.array([np.median(y[window]) for window in windows])


def _draw_panel(ax: Axes, fit: Fit, frame: pd.DataFrame, name: str) -> None:
    x, y = frame[name].to_numpy(np.float64), frame["residual"].to_numpy()
    size = 16 if len(x) <= 100 else 7
    ax.axhline(0, color=DARK, lw=0.8)
    delta = _delta(fit)
    for sign in (-1, 1) if delta else ():
        ax.axhline(sign * delta, color=GREEN, lw=0.9, ls=DASHES)
    ax.scatter(x, y, s=size, color=BLUE, alpha=0.75, linewidths=0, zorder=3)
    ax.plot(*running_median(x, y), color=VERMILION, lw=1.6, zorder=4)
    if name == "order":
        ax.set_xlabel("order of the rows")
        ax.grid(which="major", alpha=0.25, linewidth=0.6)
    else:
        format_input_axis(ax, name, positive=bool(np.min(x) > 0))
    _name_largest(ax, frame, x, y)


def _name_largest(ax: Axes, frame: pd.DataFrame, x: Floats, y: Floats) -> None:
    """Row numbers beside the largest residuals; neighbours share a label."""
    ax.autoscale_view()
    where = ax.transAxes.inverted().transform(ax.transData.transform(np.stack([x, y], 1)))
    labels: dict[int, list[str]] = {}
    for place in np.argsort(-np.abs(y), kind="stable")[:LABELLED]:
        apart = {first: np.abs(where[first] - where[place]) for first in labels}
        near = (first for first, gap in apart.items() if np.all(gap < _LABEL_SIZE))
        labels.setdefault(next(near, int(place)), []).append(str(frame["row"].iloc[place]))
    for place, rows in labels.items():
        right = where[place, 0] > 0.7
        ax.annotate(
            ", ".join(rows),
            (x[place], y[place]),
            xytext=(-4 if right else 4, 0),
            textcoords="offset points",
            ha="right" if right else "left",
            va="center",
            fontsize=7,
            zorder=5,
        )


def _delta(fit: Fit) -> float:
    """Huber's delta; 0 for other objectives."""
    return float(fit.objective.constants[0]) if fit.objective.name == "huber" else 0.0


def _legend(fit: Fit) -> list[Line2D]:
    handles = [
        Line2D([], [], color=BLUE, marker="o", ls="none", ms=4, label="runs (row number)"),
        Line2D([], [], color=VERMILION, lw=1.6, label="running median"),
    ]
    if delta := _delta(fit):
        handles.append(Line2D([], [], color=GREEN, ls=DASHES, label=f"Huber's delta {delta:.3g}"))
    return handles

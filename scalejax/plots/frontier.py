"""Frontiers of a plan in pictures: what another budget, quality or demand would give."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from scalejax.errors import UsageError
from scalejax.keywords import keywords
from scalejax.planning import Plan, frontier
from scalejax.plots.axes import (
    BAND_ALPHA,
    BEYOND_ALPHA,
    BLUE,
    GREY,
    VERMILION,
    Panels,
    axis_label,
    caller_panels,
    format_input_axis,
    format_loss_axis,
    legend_place,
    log_ticks,
    new_axes,
    new_panels,
    small_text,
    with_unit,
)
from scalejax.quantities import LOSS

_LABELS = {
    "N": axis_label("N"),
    "D": axis_label("D"),
    "bits": "bits",
    "D/N": "tokens per parameter D/N",
}
_LIMITS = {
    "as_good_as": "as good as a training of (FLOP)",
    "demand": "tokens served",
    "tokens": "available training tokens",
    "dollars": "dollars",
}
# The marker of the plan itself.
OWN: Any = {"marker": "D", "color": VERMILION, "ms": 5, "mec": "white", "ls": "none", "zorder": 6}

# An axis that spans less than this ratio is widened, as its ticks would show rounding.
_FLAT = 1.05


@keywords(axes="ax")
def plot_frontier(
    source: Plan | pd.DataFrame, ax: Axes | Sequence[Axes] | Panels | None = None
) -> Panels:
    """Draw the best decisions along a frontier: loss or cost, N, D, and bits or D/N, with bands.

    The plan's own point is a diamond. The background is grey where the decision lies beyond the
    data of the fit, and hatched where no decision meets the limits.

    Args:
        source: A plan, for its default frontier, or what `scalejax.planning.frontier` gives.
        ax: Four axes to draw on; a new figure if not given.

    Returns:
        The four axes.

    Raises:
        UsageError: There is no decision anywhere on the frontier.
    """
    frame = _frontier(source)
    own_figure = ax is None
    panels = caller_panels(ax, 4)
    if panels is None:
        panels = new_panels(2, 2, 4.9, sharex=True)
    goal = str(frame["goal"].iloc[0])
    for panel, name in zip(
        panels, (goal, "N", "D", "bits" if "bits" in frame else "D/N"), strict=True
    ):
        _draw_along(panel, frame, name)
        small_text(panel)
    handles = _entries(frame)
    if own_figure:
        for panel in panels[:2]:
            panel.set_xlabel("")
        panels[0].figure.legend(
            handles=handles, loc="outside upper center", ncols=len(handles), fontsize=8
        )
    else:
        panels[0].legend(handles=handles, **legend_place(own_figure=False))
    return panels


def plot_demand(source: Plan | pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw the best tokens per parameter against the tokens that are served.

    Args:
        source: A plan with demand, or what `scalejax.planning.frontier` gives along "demand".
        ax: Axes to draw on; a new figure if not given.

    Returns:
        The axes.

    Raises:
        UsageError: The plan has no demand, or the frame goes along something else.
    """
    frame = _frontier(source, "demand")
    if frame["along"].iloc[0] != "demand":
        raise UsageError(
            f"plot_demand needs a frontier along demand, not {frame['along'].iloc[0]}."
        )
    own_figure = ax is None
    ax = new_axes(3.4) if ax is None else ax
    _draw_along(ax, frame, "D/N")
    ax.legend(handles=_entries(frame), **legend_place(own_figure))
    return ax


def _frontier(source: Plan | pd.DataFrame, along: str | None = None) -> pd.DataFrame:
    frame = frontier(source, along) if isinstance(source, Plan) else source
    if frame["N"].notna().sum() < 1:
        raise UsageError("no decision meets the limits anywhere on this frontier.")
    return frame


def _draw_along(ax: Axes, frame: pd.DataFrame, name: str) -> None:
    """Draw one column of a frontier, its band, and the plan."""
    x, along = frame["limit"].to_numpy(), str(frame["along"].iloc[0])
    _shade(ax, frame)
    ax.plot(x, frame[name], color=BLUE, lw=1.6)
    if f"{name}_lo" in frame:
        ends = (frame[f"{name}_lo"], frame[f"{name}_hi"])
        ax.fill_between(x, *ends, where=~_nowhere(frame), color=BLUE, alpha=BAND_ALPHA, lw=0)
    own = frame[frame["plan"]]
    ax.plot(own["limit"], own[name], **OWN)
    ax.set_xlim(x[0], x[-1])
    name_along = "loss to reach" if along == "loss" else along
    label = _LIMITS.get(along) or with_unit(name_along, str(frame["unit"].iloc[0]))
    if along == "loss":
        format_input_axis(ax, label, positive=False)
    else:
        format_input_axis(ax, label)
    _format_values(ax, name, str(frame.attrs.get("loss_unit", LOSS.unit)))


def _format_values(ax: Axes, name: str, unit: str) -> None:
    if name == "loss":
        format_loss_axis(ax, unit)
        return
    ax.set_ylabel(_LABELS.get(name) or with_unit(name, _UNITS.get(name, "")))
    ax.grid(which="major", alpha=0.25, linewidth=0.6)
    if name == "bits":
        _room(ax, 1.0)
        return
    ax.set_yscale("log")
    low, high = ax.get_ylim()
    if high / low < _FLAT:
        middle = np.sqrt(low * high)
        ax.set_ylim(middle / 2, middle * 2)
    log_ticks(ax.yaxis, *ax.get_ylim())


_UNITS = {"training compute": "FLOP", "compute with serving": "FLOP"}


def _room(ax: Axes, least: float) -> None:
    """Widen a linear vertical axis to at least this range."""
    low, high = ax.get_ylim()
    if high - low < least:
        ax.set_ylim((low + high - least) / 2, (low + high + least) / 2)


def _shade(ax: Axes, frame: pd.DataFrame) -> None:
    """Grey where decisions lie beyond the data, hatched where there is none."""
    x = frame["limit"].to_numpy()
    for where, style in ((_outside(frame), _BEYOND), (_nowhere(frame), _NOTHING)):
        for begin, end in _runs(where):
            ax.axvspan(x[begin], x[end], zorder=0, **style)


def _outside(frame: pd.DataFrame) -> NDArray[np.bool_]:
    if "decades_beyond" not in frame:
        return np.zeros(len(frame), bool)
    return np.asarray(frame["decades_beyond"] > 0)


def _nowhere(frame: pd.DataFrame) -> NDArray[np.bool_]:
    return np.asarray(frame["N"].isna())


def _runs(where: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and last point of each stretch, with the neighbours that it begins and ends at."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], where, [False]]).astype(int)))
    last = len(where) - 1
    return [
        (max(int(begin) - 1, 0), min(int(end), last))
        for begin, end in zip(edges[::2], edges[1::2], strict=True)
    ]


_BEYOND: Any = {"facecolor": GREY, "alpha": BEYOND_ALPHA, "lw": 0}
_NOTHING: Any = {"facecolor": "white", "edgecolor": GREY, "hatch": "////", "lw": 0}


def _entries(frame: pd.DataFrame) -> list[Artist]:
    """Entries of the legend for what the frame has."""
    entries: list[Artist] = [Line2D([], [], color=BLUE, lw=1.6, label="best")]
    if "level" in frame and frame["N_lo"].notna().any():
        label = f"{100 * frame['level'].iloc[0]:g} % band"
        if (least := float(frame["solved"][~_nowhere(frame)].min())) < 1:
            label += f" of draws with\nan optimum (at least {100 * least:.3g} %)"
        entries.append(Patch(facecolor=BLUE, alpha=2 * BAND_ALPHA, lw=0, label=label))
    if frame["plan"].any():
        entries.append(Line2D([], [], label="the plan", **OWN))
    if _outside(frame).any():
        entries.append(Patch(label="beyond the data", **{**_BEYOND, "alpha": 2 * BEYOND_ALPHA}))
    if _nowhere(frame).any():
        entries.append(Patch(label="cannot be met", **_NOTHING))
    return entries

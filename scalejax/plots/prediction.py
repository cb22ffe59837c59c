"""A prediction far beyond the data: the path that leads there, its bands, and how far it is."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from scalejax._arrays import Floats
from scalejax.amounts import kind_of, read, whole
from scalejax.errors import UsageError
from scalejax.fitting import Fit
from scalejax.plots.axes import (
    BAND_ALPHA,
    BEYOND_ALPHA,
    BLUE,
    DARK,
    DASHES,
    GREY,
    ORANGE,
    VERMILION,
    format_input_axis,
    format_loss_axis,
    legend_place,
    new_axes,
)
from scalejax.plots.fit import has_band, no_band
from scalejax.quantities import short_number
from scalejax.workload import MOST_POINTS


def prediction_frame(
    fit: Fit,
    at: Mapping[str, float],
    along: str | None = None,
    level: float = 0.95,
    discrepancy: float | str | None = None,
    points: int = 200,
) -> pd.DataFrame:
    """The fitted curve on a path from the data to a point.

    Args:
        fit: The fit.
        at: The point: the law's inputs by name, in raw units.
        along: The input that varies while the others stay at their value in `at`. ``"C"``, the
            default for a law of N and D, varies both at the D/N of `at`.
        level: Probability of the bands.
        discrepancy: Error of the law per decade beyond the data, as in `Fit.predict`.
        points: Points of the path besides `at`. It ends beyond `at` and a decade beyond the data.

    Returns:
        One row per point, `at` among them: what `Fit.predict` gives; along ``"C"`` the compute
        C (FLOP) comes first.

    Raises:
        UsageError: An input is missing or not positive, or the law has no such input.
    """
    along = _axis_input(fit, at, along, points)
    data = _data_along(fit, along)
    end = max(10 * float(np.max(data)), 1.2 * _place(fit, at, along))
    start = min(float(np.min(data)), _place(fit, at, along))
    grid = np.sort(np.append(np.geomspace(start, end, points), _place(fit, at, along)))
    path = {name: np.full(len(grid), float(at[name])) for name in fit.law.inputs}
    if along in fit.law.inputs:
        path[along] = grid
    else:
        growth = np.sqrt(grid / _place(fit, at, along))
        path |= {"N": at["N"] * growth, "D": at["D"] * growth}
    frame = fit.predict(path, level, discrepancy=discrepancy)
    if along not in frame:
        frame.insert(0, along, grid)
    return frame


def plot_prediction(
    fit: Fit,
    at: Mapping[str, float | str],
    along: str | None = None,
    ax: Axes | None = None,
    level: float = 0.95,
    discrepancy: float | str | None = None,
) -> Axes:
    """Draw the path from the data to a point with the bands of the curve and of a new run.

    The background is grey where an input of the path lies beyond the data; dotted lines mark whole
    decades beyond them, in the farthest input or in compute. Runs are drawn at their own inputs,
    which need not lie on the path.

    Args:
        fit: The fit.
        at: The point: the law's inputs by name, in raw units.
        along: What is on the horizontal axis, see `prediction_frame`.
        ax: Axes to draw on; a new figure if not given.
        level: Probability of the bands.
        discrepancy: As in `Fit.predict`: without one the point and the band of a new run are the
            forecast's; the line and its band are of the law.

    Returns:
        The axes.

    Raises:
        UsageError: An input is missing or not positive, or the law has no such input.
    """
    point = {name: read("at", value, kind_of(name), name) for name, value in at.items()}
    frame = prediction_frame(fit, point, along, level, discrepancy)
    along = _axis_input(fit, point, along, len(frame))
    own_figure = ax is None
    ax = new_axes(3.7) if ax is None else ax
    _draw_beyond(ax, frame[along].to_numpy(), frame["decades_beyond"].to_numpy())
    handles = _draw_path(ax, fit, frame, along, level)
    runs = ax.scatter(_data_along(fit, along), fit.table.target, s=8, color=DARK, alpha=0.6, lw=0)
    runs.set_label(f"{fit.table.n_rows} runs")
    point = frame.iloc[np.abs(np.log(frame[along] / _place(fit, point, along))).argmin()]
    handles = [runs, *handles, _draw_point(ax, float(point[along]), point)]
    ax.margins(x=0.01)
    format_input_axis(ax, along)
    format_loss_axis(ax, fit.table.unit, fit.law.response.meaning)
    ax.set_title(_title(fit, point, along), fontsize="medium")
    ax.legend(handles=handles, **legend_place(own_figure))
    return ax


def _axis_input(fit: Fit, at: Mapping[str, float], along: str | None, points: int) -> str:
    inputs = fit.law.inputs
    both = {"N", "D"} <= {*inputs}
    along = along or ("C" if both else inputs[-1])
    complaints = [f"at= lacks {name}" for name in inputs if name not in at]
    if along not in inputs and not (along == "C" and both):
        complaints.append(f"along={along!r}: the inputs of {fit.law.name} are {', '.join(inputs)}")
    elif not complaints and not (
        np.min(_data_along(fit, along)) > 0 and _place(fit, at, along) > 0
    ):
        complaints.append(f"{along} must be positive in the data and in at=")
    whole("points", points, 2, MOST_POINTS)
    if complaints:
        raise UsageError(f"{'; '.join(complaints)}.")
    return along


def _data_along(fit: Fit, along: str) -> Floats:
    inputs = fit.table.inputs
    # Not with `get`: a law that has the input may have no N or D.
    if along in inputs:
        return inputs[along]
    return fit.table.flop


def _place(fit: Fit, at: Mapping[str, float], along: str) -> float:
    inputs = fit.law.inputs
    return float(at[along] if along in inputs else fit.table.cost(at["N"], at["D"]))


def _draw_path(ax: Axes, fit: Fit, frame: pd.DataFrame, along: str, level: float) -> list[Artist]:
    x = frame[along].to_numpy()
    outside = frame["decades_beyond"].to_numpy() > 0
    loss = frame["curve"].to_numpy()
    # NaN breaks the line where it changes style.
    ax.plot(x, np.where(outside, np.nan, loss), color=BLUE, lw=1.6)
    ax.plot(x, np.where(outside, loss, np.nan), color=BLUE, lw=1.6, ls=DASHES)
    handles: list[Artist] = [
        Line2D([], [], color=BLUE, lw=1.6, label=f"fitted {fit.law.name}"),
        Line2D([], [], color=BLUE, lw=1.6, ls=DASHES, label="beyond the data"),
    ]
    if not has_band(frame):
        return [*handles, no_band(fit)]
    percent = 100 * float(frame["discrepancy"].iloc[0])
    law_error = f"\n(law off by {percent:.3g} % a decade)" if percent else ""
    if frame["method"].iloc[0] == "forecast":
        law_error = f"\n(forecast: it bends by {percent:.2g} %)"
    for low, high, colour, what in (
        ("lo", "hi", ORANGE, f"a new run{law_error}"),
        ("curve_lo", "curve_hi", BLUE, "the curve"),
    ):
        ax.fill_between(x, frame[low], frame[high], color=colour, alpha=1.5 * BAND_ALPHA, lw=0)
        label = f"{100 * level:g} % for {what}"
        handles.append(Patch(facecolor=colour, alpha=2 * BAND_ALPHA, lw=0, label=label))
    return handles


def _draw_point(ax: Axes, x: float, point: "pd.Series[Any]") -> Line2D:
    loss, low, high = point["loss"], point["lo"], point["hi"]
    if np.isfinite(low):
        ax.plot([x, x], [low, high], color=VERMILION, lw=1.6, zorder=5)
    style: Any = {"marker": "D", "color": VERMILION, "ms": 5, "mec": "white"}
    ax.plot(x, loss, ls="none", zorder=6, **style)
    interval = f"\n[{low:.3f}, {high:.3f}]" if np.isfinite(low) else ""
    far = point["decades_beyond"]
    where = f"{far:.1f} decades beyond" if far > 0 else "within the range of the data"
    return Line2D([], [], ls="none", label=f"loss {loss:.3f}{interval}\n{where}", **style)


def _draw_beyond(ax: Axes, x: Floats, decades: Floats) -> None:
    """Grey where the path is beyond the data, and a line at every whole decade above them."""
    inside = np.flatnonzero(decades <= 0)
    first, last = (int(inside[0]), int(inside[-1])) if len(inside) else (len(x) - 1, 0)
    if first > 0:
        ax.axvspan(x[0], x[first], color=GREY, alpha=BEYOND_ALPHA, lw=0, zorder=0)
    if not len(inside) or last == len(x) - 1:
        return
    ax.axvspan(x[last], x[-1], color=GREY, alpha=BEYOND_ALPHA, lw=0, zorder=0)
    for decade in range(1, int(decades[-1]) + 1):
        place = np.exp(np.interp(decade, decades[last:], np.log(x[last:])))
        ax.axvline(place, color=GREY, lw=0.9, ls=":", zorder=1)
        ax.annotate(
            f"+{decade}",
            (place, 0.985),
            xycoords=("data", "axes fraction"),
            xytext=(-2, 0),
            textcoords="offset points",
            ha="right",
            va="top",
            fontsize=7.5,
            color=DARK,
        )


def _title(fit: Fit, at: Mapping[str, float], along: str) -> str:
    values = ", ".join(f"{name} = {short_number(float(at[name]))}" for name in fit.law.inputs)
    path = f"path at D/N = {at['D'] / at['N']:.3g}" if along not in fit.law.inputs else ""
    return "; ".join(part for part in (f"{fit.law.name} at {values}", path) if part)

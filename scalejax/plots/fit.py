"""The runs and the fitted curves with their bands, along one input or along compute."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from scalejax._arrays import Floats
from scalejax.errors import UsageError
from scalejax.fitting import Fit
from scalejax.plots.axes import (
    BAND_ALPHA,
    BEYOND_ALPHA,
    BLUE,
    DARK,
    DASHES,
    GREY,
    axis_label,
    format_input_axis,
    format_loss_axis,
    legend_place,
    new_axes,
    value_colours,
)
from scalejax.quantities import short_number

MOST_CURVES = 6
"""Curves of a picture: as many colours as can be told apart."""


def curve_frame(
    fit: Fit, along: str | None = None, level: float = 0.95, points: int = 200
) -> pd.DataFrame:
    """Curves of a fitted law along one input, at typical values of the other inputs.

    The first of the other inputs takes up to six of its values in the data, the rest of them
    their median. Curves run over the range of the data and one decade above it.

    Args:
        fit: The fit.
        along: Input that varies; D if the law has it, else the law's last input. ``"C"`` for a law
            of N and D gives the curves along D with their compute C (FLOP) as a column.
        level: Probability of the bands.
        points: Points per curve, at least 2.

    Returns:
        One row per point, curve by curve: the number of the curve from 0, and what `Fit.predict`
        gives.

    Raises:
        UsageError: The law has no such input, or `points` is below 2.
    """
    along = _axis_input(fit, along)
    varying = _varying(fit, along)
    if points < 2:
        raise UsageError(f"points must be at least 2, not {points!r}.")
    grid = _grid(fit.table.inputs[varying], points)
    # Curve by curve, because predict holds all draws of all its points at once.
    frames = [
        fit.predict({**others, varying: grid}, level, discrepancy=0.0).assign(curve=number)
        for number, others in enumerate(_typical(fit, varying))
    ]
    frame = pd.concat(frames, ignore_index=True)
    if varying != along:
        frame.insert(0, along, fit.table.cost(frame["N"], frame["D"]))
    return frame[["curve", *frame.columns.drop("curve")]]


def plot_fit(
    fit: Fit, along: str | None = None, ax: Axes | None = None, level: float = 0.95
) -> Axes:
    """Draw the runs and the curves of a fitted law with their bands.

    Curves are dashed where their input lies beyond the data, and the background is grey beyond the
    data on the horizontal axis. Bands are those of the curve, without the noise of a single run.

    Args:
        fit: The fit.
        along: What is on the horizontal axis, see `curve_frame`.
        ax: Axes to draw on; a new figure if not given.
        level: Probability of the band.

    Returns:
        The axes; ``ax.figure.savefig("fit.png")`` saves them.

    Raises:
        UsageError: The law has no such input.
    """
    along = _axis_input(fit, along)
    varying = _varying(fit, along)
    frame = curve_frame(fit, along, level)
    own_figure = ax is None
    ax = new_axes(3.7) if ax is None else ax
    data = fit.table.inputs if along == varying else {along: _compute(fit)}
    handles = [_draw_runs(ax, fit, data[along], _colour_input(fit, varying))]
    for _, curve in frame.groupby("curve"):
        handles.append(_draw_curve(ax, fit, curve, along))
    handles += [
        _band_entry(fit, frame, level),
        _draw_beyond(ax, data[along], frame[along], varying),
    ]
    ax.margins(x=0.01)
    format_input_axis(ax, along, positive=bool(np.min(data[along]) > 0))
    format_loss_axis(ax, fit.table.unit, fit.law.response.meaning)
    ax.set_title(f"{fit.law.name}, {fit.objective} ({fit.status.label})", fontsize="medium")
    title = _legend_title(fit, varying, frame)
    ax.legend(handles=handles, title=title, **legend_place(own_figure))
    return ax


def has_band(frame: pd.DataFrame) -> bool:
    """Whether what `Fit.predict` gives has a band of the curve."""
    return bool(frame["curve_lo"].notna().any())


def no_band(fit: Fit) -> Artist:
    """Legend entry: why there is no band."""
    why = "too many resamples failed" if len(fit.draws) else "no asymptotic error"
    return Patch(facecolor="none", edgecolor="none", label=f"no band ({why})")


def _axis_input(fit: Fit, along: str | None) -> str:
    inputs = fit.law.inputs
    if along is None:
        return "D" if "D" in inputs else inputs[-1]
    if along not in inputs and not (along == "C" and {"N", "D"} <= {*inputs}):
        raise UsageError(f"along={along!r}: the inputs of {fit.law.name} are {', '.join(inputs)}.")
    return along


def _varying(fit: Fit, along: str) -> str:
    """The input that varies: D along compute."""
    return along if along in fit.law.inputs else "D"


def _compute(fit: Fit) -> Floats:
    return fit.table.flop


def _grid(data: Floats, points: int) -> Floats:
    """From the smallest value to a decade above the largest; linear where a log is impossible."""
    low, high = float(np.min(data)), float(np.max(data))
    if low > 0:
        return np.geomspace(low, 10 * high, points)
    return np.linspace(low, high + 0.5 * max(high - low, 1.0), points)


def _colour_input(fit: Fit, along: str) -> str | None:
    """The input whose values are the curves, told apart by colour; None for a law of one input."""
    return next((name for name in fit.law.inputs if name != along), None)


def _typical(fit: Fit, along: str) -> list[dict[str, float]]:
    """Values of the inputs other than `along`, a dictionary for each curve."""
    colour_by = _colour_input(fit, along)
    if colour_by is None:
        return [{}]
    data = fit.table.inputs
    constants = {
        name: float(np.quantile(data[name], 0.5, method="nearest"))
        for name in fit.law.inputs
        if name not in (along, colour_by)
    }
    return [{colour_by: value, **constants} for value in _spread_values(data[colour_by])]


def _spread_values(data: Floats) -> list[float]:
    """Up to `MOST_CURVES` of the values, evenly spread from the smallest to the largest."""
    values = np.unique(data)
    if len(values) <= MOST_CURVES:
        return [float(value) for value in values]
    scale = np.log(values) if values[0] > 0 else values
    targets = np.linspace(scale[0], scale[-1], MOST_CURVES)
    nearest = np.unique(np.abs(scale[:, None] - targets).argmin(axis=0))
    return [float(value) for value in values[nearest]]


def _colours(fit: Fit, colour_by: str | None, values: Floats) -> Any:
    """Colours of values of the input that tells the curves apart."""
    return BLUE if colour_by is None else value_colours(values, fit.table.inputs[colour_by])


def _draw_runs(ax: Axes, fit: Fit, x: Floats, colour_by: str | None) -> Artist:
    table = fit.table
    size = 22 if table.n_rows <= 100 else 10
    colour = _colours(fit, colour_by, table.inputs[colour_by] if colour_by else x)
    ax.scatter(x, table.target, c=colour, s=size, edgecolors="white", lw=0.3, zorder=3)
    label = f"{table.n_rows} runs"
    if colour_by:
        label += f", coloured by\n{axis_label(colour_by)}"
    return Line2D([], [], color=DARK, marker="o", markersize=4, linestyle="none", label=label)


def _draw_curve(ax: Axes, fit: Fit, curve: pd.DataFrame, along: str) -> Artist:
    varying = _varying(fit, along)
    colour_by = _colour_input(fit, varying)
    x, loss = curve[along].to_numpy(), curve["loss"].to_numpy()
    value = float(curve[colour_by or varying].iloc[0])
    colour = _colours(fit, colour_by, np.asarray(value))
    inside = curve[varying].to_numpy() <= np.max(fit.table.inputs[varying])
    # The dashes start at the last point inside, so that the line has no gap.
    outside = ~inside | np.append(~inside[1:], True)
    label = f"{colour_by} = {short_number(value)}" if colour_by else f"fitted {fit.law.name}"
    (line,) = ax.plot(x[inside], loss[inside], color=colour, lw=1.5, label=label)
    ax.plot(x[outside], loss[outside], color=colour, lw=1.5, ls=DASHES)
    if has_band(curve):
        low, high = (curve[name].to_numpy() for name in ("curve_lo", "curve_hi"))
        ax.fill_between(x, low, high, color=colour, alpha=BAND_ALPHA, linewidth=0)
    return line


def _band_entry(fit: Fit, frame: pd.DataFrame, level: float) -> Artist:
    if not has_band(frame):
        return no_band(fit)
    method = str(frame["method"].iloc[0]).removesuffix(" + residuals")
    label = f"{100 * level:g} % band of the curve\n({method}"
    if len(fit.draws):
        label += f";\n{np.sum(fit.draws.usable)} of {len(fit.draws)} draws used"
    label += ")"
    return Patch(facecolor=GREY, alpha=2 * BAND_ALPHA, linewidth=0, label=label)


def _draw_beyond(ax: Axes, data: Floats, curve: "pd.Series[float]", varying: str) -> Artist:
    edge, end = float(np.max(data)), float(curve.max())
    ax.axvspan(edge, end, color=GREY, alpha=BEYOND_ALPHA, lw=0, zorder=0)
    ax.axvline(edge, color=GREY, lw=0.8, zorder=1)
    return Line2D([], [], color=DARK, ls=DASHES, label=f"beyond the data in {varying}")


def _legend_title(fit: Fit, along: str, frame: pd.DataFrame) -> str | None:
    """The inputs that are held at one value for all curves."""
    first: Mapping[Any, Any] = frame.iloc[0].to_dict()
    constants = [
        f"{name} = {short_number(float(first[name]))}"
        for name in fit.law.inputs
        if name not in (along, _colour_input(fit, along))
    ]
    return f"curves at {', '.join(constants)}" if constants else None

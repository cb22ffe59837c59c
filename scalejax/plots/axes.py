"""What all plots share: panels, colours that colour-blind people can tell apart, labels, ticks.

Colours of kinds are those of Okabe and Ito (2008, Color Universal Design, jfly.uni-koeln.de/color);
colours of an ordered quantity are viridis. Figures of our own are as wide as the text of a report.
Nothing here touches the backend or the rcParams.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import (
    FuncFormatter,
    LogLocator,
    MaxNLocator,
    NullFormatter,
    NullLocator,
)
from numpy.typing import ArrayLike, NDArray

from scalejax.errors import UsageError
from scalejax.quantities import LOSS, QUANTITIES, short_number

Panels = NDArray[Any]
"""Axes in a one-dimensional object array."""

WIDTH = 6.5
"""Width of a figure of our own, inches."""

BLUE, ORANGE, GREEN, VERMILION = "#0072b2", "#e69f00", "#009e73", "#d55e00"
GREY, DARK = "#7f7f7f", "#444444"
# By eye: dashes of lines beyond the data, opacity of bands and of the grey beyond the data.
DASHES = (0, (4, 2))
BAND_ALPHA = 0.25
BEYOND_ALPHA = 0.12

# Past this share viridis is too pale on white paper, by eye.
_DARK_SHARE = 0.88


def new_axes(height: float) -> Axes:
    """Axes on a figure of our own, `height` inches high."""
    return new_panels(1, 1, height)[0]


def new_panels(rows: int, columns: int, height: float, **options: Any) -> Panels:
    """A grid of axes on a figure of our own, row by row; `options` go to ``pyplot.subplots``."""
    import matplotlib.pyplot as plt

    _, axes = plt.subplots(
        rows,
        columns,
        figsize=(WIDTH, height),
        dpi=150,
        layout="constrained",
        squeeze=False,
        **options,
    )
    return axes.ravel()


def caller_panels(ax: Axes | Sequence[Axes] | Panels | None, count: int) -> Panels | None:
    """The first `count` axes of the caller as an array, or None without any.

    Raises:
        UsageError: There are fewer than `count`.
    """
    if ax is None:
        return None
    panels = np.asarray(ax, dtype=object).ravel()
    if len(panels) < count:
        raise UsageError(f"{count} panels are drawn, but ax= holds {len(panels)}.")
    return panels[:count]


def value_colours(values: ArrayLike, data: ArrayLike) -> Any:
    """Viridis colours of values of an ordered quantity, by their place in the range of `data`."""
    low_to_high, numbers = np.asarray(data, np.float64), np.asarray(values, np.float64)
    if np.min(low_to_high) > 0:
        low_to_high, numbers = np.log(low_to_high), np.log(numbers)
    share = (numbers - np.min(low_to_high)) / max(float(np.ptp(low_to_high)), 1e-300)
    return colormaps["viridis"](_DARK_SHARE * share)


def axis_label(symbol: str) -> str:
    """Meaning and symbol, with the unit where the meaning does not name it already."""
    quantity = QUANTITIES.get(symbol)
    if quantity is None:
        return symbol
    unit = "" if quantity.unit in quantity.meaning else f" ({quantity.unit})"
    return f"{quantity.meaning} {symbol}{unit}"


def with_unit(name: str, unit: str, between: str = " ") -> str:
    """A label, with the unit where it does not say it already."""
    return f"{name}{between}({unit})" if unit and unit not in name else name


def tick_text(value: float) -> str:
    """A number on an axis: with k, M, B or T, and as a power of ten beyond those."""
    if value <= 0 or 1e-3 <= value < 1e15:
        return short_number(value)
    exponent = int(np.floor(np.log10(value) + 1e-9))
    digits = f"{value / 10.0**exponent:.3g}"
    factor = "" if digits == "1" else rf"{digits}\times"
    return rf"${factor}10^{{{exponent}}}$"


def format_input_axis(ax: Axes, symbol: str, positive: bool = True) -> None:
    """Format the horizontal axis of an input: logarithmic if `positive`, with label and unit."""
    if positive:
        ax.set_xscale("log")
        log_ticks(ax.xaxis, *ax.get_xlim())
    ax.set_xlabel(axis_label(symbol))
    ax.grid(which="major", alpha=0.25, linewidth=0.6)


def format_loss_axis(ax: Axes, unit: str = LOSS.unit, meaning: str = LOSS.meaning) -> None:
    """Format the vertical axis of a loss: logarithmic, with enough ticks on a short range."""
    ax.set_yscale("log")
    low, high = ax.get_ylim()
    if high / low < 30:
        # Decades would leave such a short axis with one label or none.
        ax.yaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 2.5, 5, 10]))
        ax.yaxis.set_minor_locator(NullLocator())
    _plain_ticks(ax.yaxis)
    ax.set_ylabel(with_unit(meaning, unit))
    ax.grid(which="major", alpha=0.25, linewidth=0.6)


def small_text(ax: Axes) -> None:
    """Make the text of one panel of several small."""
    ax.tick_params(labelsize=8)
    for text in (ax.xaxis.label, ax.yaxis.label, ax.title):
        text.set_fontsize(8.5)


def legend_place(own_figure: bool) -> Mapping[str, Any]:
    """Options of a legend: beside axes of our own, where it covers nothing; inside the caller's."""
    beside: Mapping[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.01, 1.0)}
    style = {"fontsize": 8, "title_fontsize": 8, "framealpha": 0.9}
    return {**style, **(beside if own_figure else {"loc": "best"})}


def log_ticks(axis: Axis, low: float, high: float) -> None:
    """Set the ticks of a logarithmic axis: 1, 2, 5 on a short range, decades on a long one."""
    ratio = high / low
    if ratio < 500:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5) if ratio < 30 else (1, 3)))
    _plain_ticks(axis)


def _plain_ticks(axis: Axis) -> None:
    axis.set_major_formatter(FuncFormatter(lambda value, _: tick_text(value)))
    axis.set_minor_formatter(NullFormatter())

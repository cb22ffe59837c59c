"""Which parameters trade off: pairs, correlations and intervals over the resamples.

A long thin cloud means that the runs fix a combination of two parameters but neither alone: their
intervals are wide and their predictions may still be sharp.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from scalejax.errors import UsageError
from scalejax.fitting import Fit
from scalejax.keywords import keywords
from scalejax.plots.axes import BLUE, VERMILION, WIDTH, Panels, caller_panels, new_panels
from scalejax.quantities import short_number
from scalejax.resampling import percentile_interval
from scalejax.vocabulary import argument

_CLOUD = 1000
"""More draws than this are drawn as hexagons, as dots would hide each other."""

# Percentiles of the draws that are in the picture, so that a few far ones do not squeeze the rest.
_PERCENTILES = (0.5, 99.5)

# Height of a histogram's panel over its highest bar: room for the text of the interval.
_HEADROOM = 1.6


def draw_frame(fit: Fit) -> pd.DataFrame:
    """The usable draws of the parameters that were fitted.

    Args:
        fit: A fit with resamples.

    Returns:
        One row per draw and one column per parameter; a parameter that spans decades is given by
        its logarithm, under the name ``log10 A``.

    Raises:
        UsageError: There are fewer than two usable draws.
    """
    if np.sum(fit.draws.usable) < 2:
        raise UsageError(
            f"{len(fit.draws)} draws were asked for and {np.sum(fit.draws.usable)} are usable: "
            f"fit with {argument('resamples', 1000)} to see draws."
        )
    draws = fit.draws.arrays()
    return pd.DataFrame({label: scale(draws[name]) for name, label, scale in _scales(fit)})


def draw_correlations(fit: Fit) -> pd.DataFrame:
    """Correlations of the draws, a square frame on the scales of `draw_frame`.

    Raises:
        UsageError: There are fewer than two usable draws.
    """
    return draw_frame(fit).corr()


@keywords(axes="ax")
def plot_draws(
    fit: Fit, level: float = 0.95, ax: Axes | Sequence[Axes] | Panels | None = None
) -> Panels:
    """Draw every pair of parameters over the resamples.

    Below the diagonal the draws and the estimate (cross); on it their histogram with the estimate
    (solid) and its percentile interval (dashed); above it the correlations.

    Args:
        fit: A fit with resamples.
        level: Probability of the intervals.
        ax: One axes for each pair of parameters, row by row; a new figure if not given.

    Returns:
        The axes, row by row.

    Raises:
        UsageError: There are fewer than two usable draws, or the level is no probability.
    """
    if not 0 < level < 1:
        raise UsageError(f"level must lie between 0 and 1, not {level!r}.")
    frame, correlations = draw_frame(fit), draw_correlations(fit).to_numpy()
    draws = fit.draws.arrays()
    scales = _scales(fit)
    count = len(scales)
    caller = caller_panels(ax, count * count)
    flat = new_panels(count, count, WIDTH) if caller is None else caller
    panels = flat.reshape(count, count)
    figure = panels[0, 0].figure
    for i, (name, label, scale) in enumerate(scales):
        for j, (other, other_label, other_scale) in enumerate(scales):
            panel = panels[i, j]
            if i < j:
                _print_correlation(panel, correlations[i, j])
                continue
            if i == j:
                marks = [fit.params[name], *map(float, percentile_interval(draws[name], level))]
                _draw_histogram(panel, frame[label], [float(scale(mark)) for mark in marks])
                best, low, high = map(short_number, marks)
                _print_interval(panel, f"{name} = {best}\n[{low}, {high}]")
            else:
                point = other_scale(fit.params[other]), scale(fit.params[name])
                _draw_pair(panel, frame[other_label], frame[label], point)
            _format_panel(panel, i, j, count, label, other_label)
    if caller is not None:
        return flat
    figure.align_labels()
    figure.suptitle(
        f"{fit.law.name}: {len(frame)} of {len(fit.draws)} draws ({fit.draws.method}), "
        f"{100 * level:g} % percentile intervals",
        fontsize="medium",
    )
    return flat


def _scales(fit: Fit) -> list[tuple[str, str, Any]]:
    """Name, label and scale of every parameter that was fitted."""
    return [
        (name, f"log10 {name}", np.log10)
        if fit.law.parameters[name].logarithmic
        else (name, name, np.asarray)
        for name in fit.free
    ]


def _range(values: "pd.Series[float]") -> tuple[float, float]:
    low, high = np.percentile(values, _PERCENTILES)
    room = 0.08 * (high - low) or 1e-9 + 1e-6 * abs(high)
    return float(low - room), float(high + room)


def _draw_histogram(ax: Axes, values: "pd.Series[float]", marks: list[float]) -> None:
    ax.hist(values, bins=24, range=_range(values), color=BLUE, alpha=0.45)
    for mark, style in zip(marks, ("-", "--", "--"), strict=True):
        ax.axvline(mark, color=VERMILION, ymax=1 / _HEADROOM, lw=1.2, ls=style)
    ax.set_xlim(_range(values))


def _print_interval(ax: Axes, text: str) -> None:
    """Write the interval above the bars."""
    ax.set_ylim(0, _HEADROOM * ax.get_ylim()[1])
    ax.text(0.5, 0.96, text, transform=ax.transAxes, ha="center", va="top", fontsize=7)


def _draw_pair(ax: Axes, x: "pd.Series[float]", y: "pd.Series[float]", best: Any) -> None:
    extent = (*_range(x), *_range(y))
    if len(x) > _CLOUD:
        ax.hexbin(x, y, gridsize=24, extent=extent, mincnt=1, cmap="viridis_r", linewidths=0)
    else:
        ax.scatter(x, y, s=4, color=BLUE, alpha=0.5, linewidths=0)
    ax.plot(*best, marker="+", color=VERMILION, ms=9, mew=1.6)
    ax.set_xlim(extent[:2])
    ax.set_ylim(extent[2:])


def _print_correlation(ax: Axes, value: float) -> None:
    """Print a correlation on a colour of its size: orange if positive, purple if negative."""
    # The middle of the map, which is pale at zero and dark at neither end.
    ax.set_facecolor(colormaps["PuOr"](0.5 - 0.32 * value))
    text = f"{value:+.2f}".replace("-", "\N{MINUS SIGN}")
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", size=9)
    ax.set_xticks([])
    ax.set_yticks([])


def _format_panel(ax: Axes, i: int, j: int, count: int, label: str, other_label: str) -> None:
    ax.xaxis.set_major_locator(MaxNLocator(3))
    ax.yaxis.set_major_locator(MaxNLocator(3))
    ax.tick_params(labelsize=7, labelbottom=i == count - 1, labelleft=j == 0 and i > 0)
    ax.tick_params(axis="x", rotation=45)
    if i == j:
        ax.set_yticks([])
    if i == count - 1:
        ax.set_xlabel(other_label, fontsize=8.5)
    if j == 0 and i > 0:
        ax.set_ylabel(label, fontsize=8.5)

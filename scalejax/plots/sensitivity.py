"""Does the conclusion survive other choices: one row per choice, one panel per conclusion."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from scalejax._arrays import Floats
from scalejax.keywords import keywords
from scalejax.plots.axes import (
    BAND_ALPHA,
    BLUE,
    DARK,
    GREY,
    VERMILION,
    Panels,
    caller_panels,
    log_ticks,
    new_panels,
    tick_text,
)
from scalejax.plots.influence import check_columns
from scalejax.status import Status

COLUMNS = (
    *("kind", "variant", "conclusion", "estimate", "lo", "hi"),
    *("base", "change", "change_in_se", "status"),
)

# Standard errors to each side of a normal 95 % interval.
_NORMAL_95 = 1.96

# Ratio of the largest to the smallest end from which an axis is logarithmic.
_LOGARITHMIC_RATIO = 10.0

# Space between kinds of variants, in lines; holds the name of the kind.
_GAP = 0.9

Variant = tuple[str, str]
"""Kind and name of a variant."""


@keywords(axes="ax")
def plot_sensitivity(
    frame: pd.DataFrame, ax: Axes | Sequence[Axes] | Panels | None = None
) -> Panels:
    """Draw each conclusion under every variant of the analysis, as dots with intervals.

    The vertical line is the conclusion of the analysis as it was made, the band 1.96 of its
    standard errors to both sides, of its logarithm where the moves are in logarithms. A dot is
    hollow where the variant's fit did not converge, a cross stands where there is no estimate; both
    have their status beside the variant's name.

    Args:
        frame: One row per variant and conclusion: kind (``"objective"``, ``"exclusion"`` ...),
            variant and conclusion (text), estimate, lo and hi of the variant, base (the conclusion
            as it was), change and change_in_se (estimate minus base, and in units of the base's
            standard error, both of the logarithm for positive numbers), status (label of a
            `Status`).
        ax: Axes to draw on, one per conclusion; a new figure if not given.

    Returns:
        The axes in an array, one per conclusion.

    Raises:
        UsageError: A column is missing, nothing is left to draw, or `ax` holds too few.
    """
    check_columns(frame, COLUMNS, "plot_sensitivity")
    places = _places(frame)
    conclusions = list(dict.fromkeys(frame["conclusion"]))
    panels = caller_panels(ax, len(conclusions))
    if panels is None:
        height = 0.17 * (max(places.values()) + 1) + 1.1
        panels = new_panels(1, len(conclusions), height, sharey=True)
        panels[0].figure.legend(
            handles=_legend(frame), loc="outside upper center", ncols=4, fontsize=8, frameon=False
        )
    for panel, conclusion in zip(panels, conclusions, strict=True):
        part = frame[frame["conclusion"] == conclusion]
        _draw_base(panel, part)
        _draw_variants(panel, part, places)
        _format_panel(panel, part, str(conclusion), places)
    _name_variants(panels[0], frame, places)
    return panels


def _places(frame: pd.DataFrame) -> dict[Variant, float]:
    """Vertical place of every variant: kind by kind, with a gap between kinds."""
    kinds = list(dict.fromkeys(frame["kind"]))
    pairs = dict.fromkeys(zip(frame["kind"], frame["variant"], strict=True))
    ordered = sorted(pairs, key=lambda pair: kinds.index(pair[0]))
    return {pair: i + _GAP * kinds.index(pair[0]) for i, pair in enumerate(ordered)}


def _draw_base(ax: Axes, part: pd.DataFrame) -> None:
    base = float(part["base"].iloc[0])
    low, high = _band(part, base)
    if np.isfinite(low) and np.isfinite(high):
        ax.axvspan(low, high, color=GREY, alpha=BAND_ALPHA, lw=0, zorder=0)
    ax.axvline(base, color=DARK, lw=0.9, zorder=1)


def _band(part: pd.DataFrame, base: float) -> tuple[float, float]:
    """1.96 standard errors to both sides, on the scale on which the moves are multiples of one.

    That is the logarithm if changes of the logarithm are closer to a fixed multiple of the moves.
    """
    moves = part[part["change_in_se"].abs() > 0]
    if moves.empty:
        return base, base
    plain = (moves["change"] / moves["change_in_se"]).to_numpy(np.float64)
    ratio = moves["estimate"].to_numpy(np.float64) / base
    if base <= 0 or not np.all(ratio > 0):
        reach = _NORMAL_95 * float(np.median(plain))
        return base - reach, base + reach
    logs = np.log(ratio) / moves["change_in_se"].to_numpy(np.float64)
    if _unlike(logs) <= _unlike(plain):
        reach = float(np.exp(_NORMAL_95 * np.median(logs)))
        return base / reach, base * reach
    reach = _NORMAL_95 * float(np.median(plain))
    return base - reach, base + reach


def _unlike(values: Floats) -> float:
    """Spread of values that should be one, relative to their size."""
    return float(np.ptp(values) / np.median(np.abs(values)))


def _draw_variants(ax: Axes, part: pd.DataFrame, places: Mapping[Variant, float]) -> None:
    for row in part.to_dict("records"):
        y = places[row["kind"], row["variant"]]
        if not np.isfinite(row["estimate"]):
            ax.plot(row["base"], y, marker="x", color=VERMILION, ms=5.5, mew=1.6, zorder=4)
            continue
        ax.plot([row["lo"], row["hi"]], [y, y], color=BLUE, lw=1.2, zorder=2)
        face = BLUE if row["status"] == Status.CONVERGED.label else "white"
        ax.plot(row["estimate"], y, marker="o", color=BLUE, mfc=face, ms=4, zorder=3)


def _format_panel(
    ax: Axes, part: pd.DataFrame, conclusion: str, places: Mapping[Variant, float]
) -> None:
    values = part[["estimate", "lo", "hi", "base"]].to_numpy(np.float64)
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    if low > 0 and high / low > _LOGARITHMIC_RATIO:
        ax.set_xscale("log")
        log_ticks(ax.xaxis, low, high)
    else:
        ax.xaxis.set_major_locator(MaxNLocator(2, steps=[1, 2, 5, 10], min_n_ticks=1))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: tick_text(value)))
    ax.tick_params(axis="x", labelsize=7)
    ax.tick_params(axis="y", length=0)
    # Panels are narrow: "N* at 1.3e+24 FLOP" takes two lines.
    ax.set_title(conclusion.replace(" at ", "\nat ", 1), fontsize=8)
    ax.grid(axis="x", alpha=0.25, linewidth=0.6)
    for y in places.values():
        ax.axhline(y, color=GREY, lw=0.4, alpha=0.35, zorder=0)


def _name_variants(ax: Axes, frame: pd.DataFrame, places: Mapping[Variant, float]) -> None:
    """Variants with their trouble at the vertical axis, below the name of their kind."""
    trouble = {
        (row["kind"], row["variant"]): " (" + str(row["status"]).replace("_", " ") + ")"
        for row in frame.to_dict("records")
        if row["status"] != Status.CONVERGED.label
    }
    names = [pair[1] + trouble.get(pair, "") for pair in places]
    ax.set_yticks(list(places.values()), names, fontsize=7.5)
    for kind in dict.fromkeys(kind for kind, _ in places):
        first = min(place for pair, place in places.items() if pair[0] == kind)
        ax.annotate(
            kind,
            (0, first - 0.85),
            xycoords=("axes fraction", "data"),
            xytext=(-4, 0),
            textcoords="offset points",
            ha="right",
            va="center",
            fontsize=7.5,
            fontweight="bold",
        )
    ax.set_ylim(max(places.values()) + 0.7, -1.4)


def _legend(frame: pd.DataFrame) -> list[Line2D | Patch]:
    """Entries of the legend for what the frame has."""
    dot: Any = {"marker": "o", "ms": 4, "lw": 1.2}
    estimates = frame[np.isfinite(frame["estimate"])]
    entries: list[Line2D | Patch] = [
        Line2D([], [], color=BLUE, **dot, label="variant, its interval"),
        Patch(facecolor=GREY, alpha=2 * BAND_ALPHA, label="base ± 1.96 standard errors"),
    ]
    if (estimates["status"] != Status.CONVERGED.label).any():
        entries.insert(1, Line2D([], [], color=BLUE, mfc="white", **dot, label="not converged"))
    if len(estimates) < len(frame):
        cross = Line2D([], [], color=VERMILION, marker="x", ls="none", mew=1.6, label="failed")
        entries.insert(-1, cross)
    return entries

"""Pictures of a report: the plots of `scalejax.plots` as ``data:`` addresses, with words for them.

Pictures are SVG, which prints sharply, in base64: a browser runs no code in an image. The same fit
gives the same bytes.
"""

import base64
import io
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd

from scalejax.fitting import Fit
from scalejax.isoflop import Isoflop
from scalejax.plots import (
    plot_draws,
    plot_fit,
    plot_influence,
    plot_isoflop,
    plot_prediction,
    plot_residuals,
    plot_sensitivity,
)
from scalejax.reporting.blocks import Absent, Picture, attempt

MOST_BARS = 10
"""Bars of a panel of influence: as many as stay readable in half the width of a page."""

# Letters of a name beside a bar; longer ones would take the width of the bars.
_LONGEST_LABEL = 24


def fit_picture(fit: Fit, level: float) -> Picture | Absent:
    """The runs and the curves."""
    inputs = " and ".join(fit.law.inputs)
    return _picture(
        "Runs and fitted curves",
        lambda: plot_fit(fit, level=level).figure,
        f"Loss of {fit.table.n_rows} runs with the curves of {fit.law.name} in {inputs}.",
        "Runs (dots) and the fitted curves with their bands; dashed beyond the data.",
    )


def draws_picture(fit: Fit, level: float) -> Picture | Absent:
    """Scatter of every pair of parameters over the resamples."""
    return _picture(
        "Pairs of parameters",
        lambda: plot_draws(fit, level)[0].figure,
        f"Scatter of {', '.join(fit.free)} over {len(fit.draws)} resamples, pair by pair.",
        "Every pair of parameters over the resamples; a thin cloud is a pair that trades off.",
    )


def residual_picture(fit: Fit) -> Picture | Absent:
    """Residuals against the inputs."""
    return _picture(
        "Residuals",
        lambda: plot_residuals(fit)[0].figure,
        f"Residuals of {fit.table.n_rows} runs against the inputs and the order of the rows.",
        "A running median that leaves zero at one end says that the law bends differently.",
    )


def influence_picture(frame: pd.DataFrame) -> Picture | Absent:
    """Which runs carry the conclusions."""
    frame = frame.assign(label=frame["label"].map(_label), conclusion=_titles(frame))
    return _picture(
        "Influence",
        lambda: plot_influence(frame, MOST_BARS)[0].figure,
        f"Change of each conclusion without one of the {MOST_BARS} runs that move it most.",
        "How far each conclusion moves when one run, or one cluster, is left out.",
    )


def sensitivity_picture(frame: pd.DataFrame) -> Picture | Absent:
    """Conclusions under other choices."""
    frame = frame.assign(conclusion=_titles(frame))
    return _picture(
        "Sensitivity",
        lambda: plot_sensitivity(frame)[0].figure,
        "Each conclusion under other objectives and without some rows, with its interval.",
        "Each conclusion under other choices, beside the one of this fit (line and band).",
    )


def isoflop_picture(result: Isoflop) -> Picture | Absent:
    """Loss against model size at each compute budget, with parabolas and the law."""
    return _picture(
        "IsoFLOP slices",
        lambda: plot_isoflop(result).figure,
        "Loss against model size for each compute budget, with parabolas and the fitted law.",
        "Parabolas (dashed) beside the law (solid); their minima differ by the bias listed.",
    )


def prediction_picture(
    fit: Fit, at: Mapping[str, float], level: float, discrepancy: float | None
) -> Picture | Absent:
    """Predicted loss on the path from the data to a large run."""
    return _picture(
        "Prediction",
        lambda: plot_prediction(fit, at, level=level, discrepancy=discrepancy).figure,
        "Predicted loss from the data to the largest run of the table, with its bands.",
        "From the data to a large run: grey is beyond the data, dotted lines are whole decades.",
    )


def _label(name: str) -> str:
    """A name that comes from data, short enough for an axis and without a formula in it."""
    if len(name) > _LONGEST_LABEL:
        half = _LONGEST_LABEL // 2
        name = f"{name[:half]}\N{HORIZONTAL ELLIPSIS}{name[1 - half :]}"
    return name.replace("$", r"\$")


def _titles(frame: pd.DataFrame) -> pd.Series:
    """Conclusions in two lines, so that panels can stand side by side."""
    lines = frame["conclusion"].str.replace("(?: at| for) ", "\n", n=1, regex=True)
    return lines.str.replace("e+", "e", regex=False)


def _picture(what: str, draw: Callable[[], Any], alt: str, caption: str) -> Picture | Absent:
    """The figure that `draw` gives as an SVG picture, or why there is none."""

    def make() -> Picture:
        style = mpl.rc_context({"svg.hashsalt": "scalejax", "svg.fonttype": "path"})
        with style, plt.ioff(), warnings.catch_warnings():
            # A name may hold characters that no font has; they are boxes in the picture.
            warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)
            before = set(plt.get_fignums())
            try:
                file = io.BytesIO()
                draw().savefig(file, format="svg", metadata={"Date": None})
            finally:
                for number in set(plt.get_fignums()) - before:
                    plt.close(number)
        address = base64.b64encode(file.getvalue()).decode("ascii")
        return Picture(f"data:image/svg+xml;base64,{address}", alt, caption)

    return attempt(what, make)

"""The sections on how far a fit is to be trusted: diagnostics, sensitivity, prediction."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from scalejax.conclusions import Identifiability
from scalejax.fitting import Fit
from scalejax.isoflop import Isoflop
from scalejax.quantities import QUANTITIES
from scalejax.reporting.answers import VARIANT_DRAWS
from scalejax.reporting.blocks import Absent, Block, Bullets, Facts, Grid, Part, Section, Text
from scalejax.reporting.pictures import (
    influence_picture,
    isoflop_picture,
    prediction_picture,
    residual_picture,
    sensitivity_picture,
)
from scalejax.reporting.wording import (
    decades,
    interval,
    number,
    percent,
    plain,
    signed,
    signed_percent,
    words_of,
)
from scalejax.status import Status

TOP = 10
"""Runs that are listed by influence: as many as a page bears."""


def diagnostics(
    fit: Fit, identified: Identifiability | Absent, slices: Isoflop | Absent
) -> list[Part]:
    """Identifiability in words, residuals and isoFLOP slices, which need no refits."""
    return [
        Part("Identifiability", [*_identified(identified)]),
        Part("Residuals", [residual_picture(fit)]),
        Part("IsoFLOP slices", [*_isoflop(slices)]),
    ]


def influence_part(frame: pd.DataFrame | Absent) -> Part:
    """Which runs carry the conclusions."""
    return Part("Influence", [*_influence(frame)])


def _identified(answer: Identifiability | Absent) -> Iterator[Block]:
    if isinstance(answer, Absent):
        yield answer
        return
    words = {
        "fine": "The runs determine all parameters.",
        "weak": "The runs determine some direction of the parameters badly.",
        "not identified": "Some direction of the parameters is flat.",
    }[answer.verdict]
    condition = f"Condition of the scaled Jacobian: {number(answer.condition, 3)}"
    yield Text(f"{words} {condition} (fine below 1,000, flat above 1,000,000).")
    sentences = [str(problem) for problem in answer.problems]
    sentences += [f"{d.words} (condition {number(d.condition, 3)})." for d in answer.directions]
    if answer.flat:
        sentences.append(f"Still identified: {', '.join(answer.identified) or 'none'}.")
    if sentences:
        yield Bullets([text[:1].upper() + text[1:] for text in sentences])


def _influence(frame: pd.DataFrame | Absent) -> Iterator[Block]:
    if isinstance(frame, Absent):
        yield frame
        return
    yield influence_picture(frame)
    names = list(dict.fromkeys(frame["conclusion"]))
    rows = []
    for label, group in list(frame.groupby("label", sort=False))[:TOP]:
        by_name = group.set_index("conclusion").to_dict("index")
        cells = [str(label)]
        for name in names:
            entry = by_name[name]
            cells.append(f"{number(entry['without'])} ({signed(entry['change_in_se'], 2)})")
        rows.append(cells)
    caption = (
        f"The {len(rows)} that move a conclusion most: its value without them, and the change in "
        "standard errors"
    )
    yield Grid(caption, ["left out", *(words_of(name) for name in names)], rows)
    failed = frame[frame["status"] != Status.CONVERGED.label]["label"].nunique()
    if failed:
        yield Text(f"{failed} of {frame['label'].nunique()} refits did not converge.")


def _isoflop(slices: Isoflop | Absent) -> Iterator[Block]:
    if isinstance(slices, Absent):
        yield slices
        return
    yield isoflop_picture(slices)
    exponents = [
        (
            f"exponent of {name}* in C",
            f"{number(slices.exponents[name], 3)} by parabolas, "
            f"{number(slices.exponents_noise_free[name], 3)} by parabolas without noise, "
            f"{number(slices.exponents_law[name], 3)} by the law",
        )
        for name in ("N", "D")
    ]
    yield Facts(exponents)
    rows = [
        [
            plain(f"{row['C']:.3g}"),
            str(row["runs"]),
            number(row["N"], 3) + ("" if row["inside"] else " (beyond the runs)"),
            number(row["N_law"], 3),
            signed_percent(row["N_bias_percent"]),
            signed_percent(row["D_bias_percent"]),
        ]
        for row in slices.minima.to_dict("records")
    ]
    header = [
        "budget C, FLOP",
        "runs",
        "N* by parabola",
        "N* by the law",
        "bias of N*",
        "bias of D*",
    ]
    yield Grid(
        "Parabolas by budget; bias is that of noise-free runs of the law at the same points",
        header,
        rows,
        frozenset(),
    )


def sensitivity_section(frame: pd.DataFrame | Absent) -> Section:
    """The conclusions under other choices: a picture and a table."""
    if isinstance(frame, Absent):
        return Section("sensitivity", "Sensitivity", [Part("", [frame])])
    words = (
        "Each variant changes one thing and is fitted from all starts. The interval of a variant "
        f"comes from {VARIANT_DRAWS} resamples with random weights; one that failed has none."
    )
    blocks = [sensitivity_picture(frame), _variants(frame), Text(words)]
    return Section("sensitivity", "Sensitivity to choices", [Part("", blocks)])


def _variants(frame: pd.DataFrame) -> Grid:
    names = list(dict.fromkeys(frame["conclusion"]))
    first = frame.drop_duplicates("conclusion").set_index("conclusion")
    rows = [["this fit", *(number(first.loc[name, "base"]) for name in names), ""]]
    for variant, group in frame.groupby("variant", sort=False):
        by_name = group.set_index("conclusion").to_dict("index")
        cells = [str(variant)]
        for name in names:
            entry = by_name[name]
            cells.append(f"{number(entry['estimate'])} ({signed(entry['change_in_se'])})")
        rows.append([*cells, str(group["status"].iloc[0]).replace("_", " ")])
    header = ["variant", *(words_of(name) for name in names), "status"]
    caption = "Conclusions under other choices (change in standard errors of this fit)"
    return Grid(caption, header, rows, frozenset({0, len(header) - 1}))


def prediction_section(
    fit: Fit, frame: pd.DataFrame | Absent, level: float, discrepancy: float | None
) -> Section:
    """Predicted losses of larger runs: a picture of the path to the largest, and a table."""
    if isinstance(frame, Absent):
        return Section("prediction", "Prediction", [Part("", [frame])])
    last: Mapping[Any, Any] = frame.iloc[-1].to_dict()
    at = {name: float(last[name]) for name in fit.law.inputs}
    blocks: list[Block] = [
        prediction_picture(fit, at, level, discrepancy),
        _predictions(fit, frame, level),
        Text(
            "The forecast learns from the runs how far the law bends, and its interval holds that, "
            "the law's parameters and the scatter of a new run: it is the one to decide by. The "
            "interval of the curve holds what the runs leave open about the law alone. The others "
            "add the scatter of a run and, for each decade beyond the data, an error of the law of "
            "the size named, which is declared and not estimated."
        ),
    ]
    return Section("prediction", "Prediction", [Part("", blocks)])


def _predictions(fit: Fit, frame: pd.DataFrame, level: float) -> Grid:
    discrepancies = sorted(frame["discrepancy"].unique())
    groups = {float(d): frame[frame["discrepancy"] == d] for d in discrepancies}
    first = next(iter(groups.values()))
    columns = [name for name in ("C", *fit.law.inputs) if name in first]
    header = ["times the largest run", *(_header(name) for name in dict.fromkeys(columns))]
    foreseen = "forecast" in first
    header += ["forecast", "forecast, new run"] if foreseen else []
    header += ["loss of the law", "decades beyond the data", "curve"]
    header += [f"new run, law off by {percent(d)} a decade" for d in groups]
    rows = []
    for place in range(len(first)):
        row = first.iloc[place]
        cells = [number(row["times"]), *(number(row[name], 3) for name in dict.fromkeys(columns))]
        if foreseen:
            cells += [number(row["forecast"]), interval(row["forecast_lo"], row["forecast_hi"])]
        cells += [number(row["loss"]), decades(row["decades_beyond"])]
        cells.append(interval(row["curve_lo"], row["curve_hi"]))
        for group in groups.values():
            ends = group.iloc[place]
            cells.append(interval(ends["lo"], ends["hi"]))
        rows.append(cells)
    path, method = first["path"].iloc[0], first["method"].iloc[0]
    caption = f"Predicted losses ({path}), {100 * level:g} % intervals ({method})"
    return Grid(caption, header, rows, frozenset())


def _header(name: str) -> str:
    quantity = QUANTITIES.get(name)
    return f"{name}, {quantity.unit}" if quantity else name

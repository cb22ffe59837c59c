"""The first sections of a report: the data, the fit and its uncertainty."""

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pandas as pd

from scalejax.fitting import Fit, IntervalKind, default_kind
from scalejax.laws import formula_spec
from scalejax.plots import draw_correlations
from scalejax.quantities import QUANTITIES
from scalejax.reporting.answers import draws_withheld
from scalejax.reporting.blocks import (
    Absent,
    Block,
    Bullets,
    Facts,
    Grid,
    Part,
    Section,
    Text,
    attempt,
)
from scalejax.reporting.pictures import draws_picture, fit_picture
from scalejax.reporting.wording import exact, interval, listed_rows, number, plain, signed, span
from scalejax.status import Status
from scalejax.vocabulary import argument
from scalejax.wording import retypable

_WITHHELD = "too many of the resamples failed"
_KIND_WORDS = {
    "percentile": "quantiles of the resamples",
    "wald": "covariance at the estimate, residuals alike",
    "sandwich": "covariance at the estimate, residuals of any size",
    "jackknife": "leaving units out",
}


def data_section(fit: Fit, level: float) -> Section:
    """Rows used and set aside, ranges, assumptions, warnings, and a picture."""
    table = fit.table
    facts = [("source", table.source), ("rows used", str(table.n_rows))]
    facts.append(("rows set aside", str(len(table.set_aside))))
    for name, values in table.inputs.items():
        quantity = QUANTITIES.get(name)
        meaning = f", {quantity.meaning}" if quantity else ""
        column = table.columns.get(name, name)
        facts.append((f"{name}{meaning} (column {column})", span(values)))
    column = table.columns.get("loss", "loss")
    what = ", ".join(filter(None, (fit.law.response.meaning, table.unit)))
    facts.append((f"{what} (column {column})", span(table.target)))
    if table.cluster is not None:
        facts.append(("clusters", _clusters(fit)))
    if np.ptp(table.weight) > 0:
        facts.append(("weights", span(table.weight)))
    parts = [
        Part("", [Facts(facts), fit_picture(fit, level)]),
        Part("Rows set aside", [_set_aside(fit)]),
        Part("Assumptions", [_sentences(table.notes, "Nothing was assumed.")]),
        Part("Warnings", [_sentences([str(p) for p in table.warnings], "There were none.")]),
    ]
    return Section("data", "Data", parts)


def _clusters(fit: Fit) -> str:
    labels = fit.table.cluster_labels
    more = f" and {len(labels) - 8} more" if len(labels) > 8 else ""
    return f"{len(labels)}: {', '.join(labels[:8])}{more}"


def _set_aside(fit: Fit) -> Block:
    rows: dict[str, list[int]] = {}
    for item in fit.table.set_aside:
        rows.setdefault(item.reason, []).append(item.row)
    if not rows:
        return Text("None: every row of the source was used.")
    return Grid(
        "Rows of the source that were not used",
        ["reason", "rows", "row numbers"],
        [[reason, str(len(numbers)), listed_rows(numbers)] for reason, numbers in rows.items()],
        frozenset({0, 2}),
    )


def _sentences(items: tuple[str, ...] | list[str], none: str) -> Block:
    return Bullets(list(items)) if items else Text(none)


def fit_section(fit: Fit, level: float) -> Section:
    """The formula, how it was fitted, and the parameters beside published ones."""
    facts = [("law", fit.law.name), ("formula", formula_spec(fit.law) or fit.law.about or "none")]
    value = plain(f"{fit.objective_value:.6g}")
    facts.append(("objective", f"{fit.objective} = {value}"))
    if fit.objective.name == "huber" and fit.objective.constants:
        share = float(np.mean(np.abs(fit.residuals) <= fit.objective.constants[0]))
        facts.append(("within delta", f"{100 * share:.0f} % of the residuals"))
    if fit.noise_scale is not None:
        facts.append(("noise scale", f"{number(fit.noise_scale)}, fitted"))
    facts.append(("starts", f"{fit.agreeing} of {fit.starts} agree on the lowest objective"))
    facts.append(("on a bound", ", ".join(fit.on_bound) or "no parameter"))
    parts = [
        Part("", [Facts(facts)]),
        Part("Parameters", [_parameters(fit, level)]),
        Part("Beside published values", [*_published(fit)]),
    ]
    return Section("fit", "Fit", parts)


def _published(fit: Fit) -> Iterator[Block]:
    sets = fit.law.published.values()
    if not sets:
        yield Text("No published coefficients are known for this law.")
        return
    rows = []
    for name, estimate in fit.params.items():
        cells = [name, plain(retypable(estimate))]
        for published in sets:
            error = published.stderr.get(name)
            spread = f" ± {error:g}" if error is not None else ""
            cells.append(plain(f"{published[name]:.7g}{spread}"))
        rows.append(cells)
    yield Grid(
        "This fit and published coefficients", ["parameter", "this fit", *fit.law.published], rows
    )
    yield Facts(
        [(published.id, f"{published.source}. {published.note}".strip()) for published in sets]
    )


def _parameters(fit: Fit, level: float) -> Grid:
    frame = fit.conf_int(level)
    header = ["parameter", "unit", "estimate", "standard error", f"{100 * level:g} % interval"]
    rows = [
        [
            f"{name}{_remark(fit, name)}",
            fit.table.own_unit(fit.law.parameters[name].unit),
            plain(retypable(row["estimate"])),
            exact(row["stderr"], 3),
            interval(row["lo"], row["hi"], 5),
        ]
        for name, row in zip(fit.params, frame.to_dict("records"), strict=True)
    ]
    method = frame["method"].iloc[0]
    caption = f"Parameters with {100 * level:g} % intervals ({method})"
    return Grid(caption, header, rows, frozenset({0, 1}))


def _remark(fit: Fit, name: str) -> str:
    if name in fit.settings["fixed"]:
        return " (fixed)"
    if name in fit.settings["tied"]:
        return f" (tied to {fit.settings['tied'][name]})"
    return " (on its bound)" if name in fit.on_bound else ""


def interval_kinds(fit: Fit, level: float) -> pd.DataFrame:
    """Intervals of the fitted parameters by the kinds that the fit has.

    Returns:
        One row per parameter: parameter, estimate, lo and hi by kind (``wald_lo`` ...), and ratio,
        the width by resamples over that by covariance, if there are both.
    """
    own = default_kind(fit)
    other: IntervalKind = "sandwich" if own == "wald" else "wald"
    if len(fit.draws) and own == "wald":
        other = "percentile"
    frame = pd.DataFrame({"parameter": fit.free, "estimate": [fit.params[n] for n in fit.free]})
    for kind in (own, other):
        ends = fit.conf_int(level, kind).loc[list(fit.free)]
        frame[f"{kind}_lo"], frame[f"{kind}_hi"] = ends["lo"].to_numpy(), ends["hi"].to_numpy()
    if {own, other} == {"percentile", "wald"}:
        width = {kind: frame[f"{kind}_hi"] - frame[f"{kind}_lo"] for kind in (own, other)}
        frame["ratio"] = width["percentile"] / width["wald"]
    return frame


def uncertainty_section(
    fit: Fit, level: float, kinds: pd.DataFrame | Absent
) -> tuple[Section, pd.DataFrame | Absent]:
    """Intervals by kind, the draws, their correlations, and those that failed.

    Returns:
        The section, and the correlations.
    """
    correlations: pd.DataFrame | Absent = Absent("Correlations", _WITHHELD)
    draws: list[Block] = [_resamples(fit)]
    if not draws_withheld(fit):
        correlations = attempt("Correlations", lambda: draw_correlations(fit))
    if len(fit.draws) and not draws_withheld(fit):
        draws.append(draws_picture(fit, level))
    table: Block = correlations if isinstance(correlations, Absent) else _square(correlations)
    parts = [
        Part("Intervals by kind", [*_kinds(kinds, level)]),
        Part("Resamples", draws),
        Part("Correlations", [table]),
    ]
    return Section("uncertainty", "Uncertainty", parts), correlations


def _kinds(kinds: pd.DataFrame | Absent, level: float) -> Iterator[Block]:
    if isinstance(kinds, Absent):
        yield kinds
        return
    names = [name.removesuffix("_lo") for name in map(str, kinds) if name.endswith("_lo")]
    header = ["parameter", "estimate", *names]
    if "ratio" in kinds:
        header.append("width, resampled / covariance")
    rows = []
    for row in kinds.to_dict("records"):
        cells = [str(row["parameter"]), number(row["estimate"])]
        cells += [interval(row[f"{name}_lo"], row[f"{name}_hi"]) for name in names]
        if "ratio" in kinds:
            cells.append(number(row["ratio"], 2))
        rows.append(cells)
    yield Grid(f"{100 * level:g} % intervals of the parameters by kind", header, rows)
    yield Text("; ".join(f"{name}: {_KIND_WORDS[name]}" for name in names) + ".")


def _resamples(fit: Fit) -> Block:
    if not len(fit.draws):
        return Absent(
            "Resamples", f"the fit was made without resamples ({argument('resamples', 0)})"
        )
    ends = Counter(Status(code).label.replace("_", " ") for code in fit.draws.status)
    usable = int(np.sum(fit.draws.usable))
    facts = [
        ("how", f"{fit.draws.method}, seed {fit.settings.get('seed', 0)}"),
        ("asked for", str(len(fit.draws))),
        ("used", f"{usable} (minima, inside the bounds or on one)"),
        ("ended", ", ".join(f"{count} {name}" for name, count in ends.most_common())),
    ]
    return Facts(facts)


def _square(correlations: pd.DataFrame) -> Grid:
    names = [str(name) for name in correlations.columns]
    rows = [
        [name, *(signed(value, 2) for value in row)]
        for name, row in zip(names, correlations.to_numpy(np.float64), strict=True)
    ]
    return Grid("Correlations of the parameters over the resamples", ["", *names], rows)

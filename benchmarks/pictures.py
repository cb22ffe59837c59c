"""A page of pictures: published laws refitted to the public runs they are for, beside those runs.

    SCALEJAX_DATA=... python benchmarks/pictures.py --page refits.png

Every panel shows observed against predicted responses on the same axes, with the refit's mean
absolute relative error, and where there is one, that of the published coefficients. The loss curves
along learning-rate schedules have a page of their own: ``benchmarks/curves.py --page``.
"""

import argparse
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from numpy.typing import NDArray

import scalejax as sj
from scalejax.data.two_step import two_step_rows

Floats = NDArray[np.float64]
COLUMNS = 4
LEAST_SQUARES = sj.least_squares()


@dataclass(frozen=True)
class Refit:
    """One panel.

    Attributes:
        title: What was fitted to what.
        observed: Responses, (n,).
        predicted: Those of the refit, (n,).
        published: Those of published coefficients, (n,), or None.
        response: Name of the axes.
    """

    title: str
    observed: Floats
    predicted: Floats
    published: Floats | None
    response: str


def refit(
    title: str,
    runs: pd.DataFrame,
    law: str | sj.Law,
    published: str | None = None,
    **options: object,
) -> Refit:
    """Fit a law and predict the runs."""
    fit = sj.fit(runs, law, resamples=0, **options)  # type: ignore[arg-type]
    inputs = fit.table.inputs
    known = None if published is None else fit.law.predict(published, **inputs)
    response = fit.law.response.meaning
    return Refit(title, fit.table.target, fit.curve(inputs, fit.params), known, response)


def _chinchilla() -> Refit:
    runs = sj.datasets.load("chinchilla")
    return refit("Chinchilla, 240 runs", runs, "chinchilla", "besiroglu2024", exclude="outlier5")


def _llama3() -> Refit:
    runs = sj.datasets.load("isoflop-llama3")
    return refit("Chinchilla's law, Llama 3", runs[~runs["qc_outlier"].astype(bool)], "chinchilla")


def _repetition() -> Refit:
    runs = sj.datasets.load("datablations")
    runs = runs[runs["in_fit182"].astype(bool)]
    tied = {"beta": "alpha"}
    title = "Repeated data (Muennighoff)"
    return refit(title, runs, "data_constrained", "muennighoff2023-repetition", tied=tied)


def _gadre() -> Refit:
    runs = sj.datasets.load("gadre")
    runs = runs[runs["train_data"].eq("RedPajama")].rename(
        columns={"loss_c4_val": "loss", "tokens_per_param": "M"}
    )
    columns = runs[["C", "M", "loss"]]
    return refit("Over-training (Gadre)", columns, "gadre2024", "gadre2024-redpajama")


def _downstream() -> Refit:
    runs = sj.datasets.load("gadre")
    runs = runs[runs["train_data"].eq("RedPajama")].rename(
        columns={"loss_c4_val": "L", "err_avg17": "error"}
    )
    columns = runs[["L", "error"]]
    return refit("Error of loss (Gadre)", columns, "error_of_loss", "gadre2024-redpajama-17")


def _ladder() -> Refit:
    steps = sj.datasets.load("olmo-ladder").sort_values("step")
    last = steps[~steps["run"].str.contains("rerun")].groupby("run").tail(5)
    means = last.groupby("run").mean(numeric_only=True)
    runs = means.assign(D=last.groupby("run")["D"].max()).reset_index()
    rows = two_step_rows(runs, "bpb_hellaswag_val", "acc_hellaswag_val")
    options = {"weights": "weight", "allow_unidentified": True}
    return refit("HellaSwag, both steps (OLMo)", rows, "ladder", **options)


def _routed() -> Refit:
    runs = sj.datasets.load("clark")
    routed = runs["router_type"].eq("S-Base") & runs["routing_frequency"].eq(0.5) & runs["k"].eq(1)
    chosen = (routed | runs["router_type"].eq("Dense")) & runs["seed"].eq(42)
    names = {"N_dense": "N", "E": "experts", "loss_validation": "loss"}
    runs = runs[chosen].rename(columns=names)[[*names.values()]].dropna()
    title = "Routed experts (Clark, S-BASE)"
    return refit(title, runs, "clark2022", "clark2022-s-base", objective=LEAST_SQUARES)


def _streams() -> Refit:
    runs = sj.datasets.load("parscale")
    runs = runs[runs["dataset"].eq(runs["dataset"].iloc[0])].rename(columns={"P": "streams"})
    return refit("Parallel streams (ParScale)", runs[["N", "streams", "loss"]], "parscale2025")


def _quantised() -> Refit:
    rows = sj.datasets.load("ptq")
    rows = rows[rows["method"].eq("RTN-asymmetric") & rows["delta_loss"].gt(0)]
    law = sj.formula_law("k*D**g/N**h*exp(-b*w_bits) where w_bits input, g real, h real, k linear")
    options = {"target": "delta_loss", "objective": LEAST_SQUARES, "allow_unidentified": True}
    found = refit("Quantised LLaMA", rows, law, **options)
    return Refit(found.title, found.observed, found.predicted, None, "loss added")


def _mixture() -> Refit:
    runs = sj.datasets.load("mixture")
    size = runs["model_size"].iloc[-1]
    runs = runs[runs["model_size"].eq(size)]
    names = {f"proportion_domain_{j}": f"r_{j}" for j in range(1, 6)}
    runs = runs.rename(columns={**names, "loss_domain_1": "loss"})[[*names.values(), "loss"]]
    options = {"fixed": {"k": 1.0}, "positive": (), "allow_unidentified": True}
    return refit(f"Mixtures, {size}, domain 1 (Ye)", runs, "mixture_5", **options)


def _optima() -> Refit:
    optima = sj.datasets.load("porian-optima")
    tuned = optima["hparams"].eq("tuned") & optima["param_count"].eq("standard")
    runs = optima[tuned].assign(N=lambda t: t["N_opt"])[["C", "N"]]
    return refit("Best N (Porian, tuned)", runs, "N_from_C", objective=LEAST_SQUARES)


def _zero_shot() -> Refit:
    runs = sj.datasets.load("openclip")
    runs = runs[runs["downstream_dataset"].eq("imagenet1k")].sort_values("gmacs_total")
    runs = runs[runs["upstream_dataset"].str.startswith("LAION")].assign(
        C=lambda t: 1e9 * t["gmacs_total"], loss=lambda t: 1 - t["acc1"]
    )
    front = runs["loss"] <= runs["loss"].cummin()
    found = refit("ImageNet error (CLIP, front)", runs.loc[front, ["C", "loss"]], "power_C")
    return Refit(found.title, found.observed, found.predicted, None, "error rate")


PANELS: tuple[Callable[[], Refit], ...] = (
    *(_chinchilla, _llama3, _repetition, _gadre, _downstream, _ladder),
    *(_routed, _streams, _quantised, _mixture, _optima, _zero_shot),
)


def error(found: Floats, observed: Floats) -> float:
    """Mean absolute relative error."""
    return float(np.mean(np.abs(found / observed - 1)))


def draw(refits: list[Refit], path: Path) -> None:
    """All panels on one page."""
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    rows = -(-len(refits) // COLUMNS)
    figure, axes = plt.subplots(
        rows, COLUMNS, figsize=(3 * COLUMNS, 2.9 * rows), layout="constrained", dpi=110
    )
    for ax, one in zip(axes.ravel(), refits, strict=False):
        every = np.concatenate([one.observed, one.predicted])
        low, high = every.min(), every.max()
        if low > 0 and high / low > 30:
            ax.set(xscale="log", yscale="log")
        ax.plot([low, high], [low, high], color="#7f7f7f", lw=0.8)
        said = f"refit {100 * error(one.predicted, one.observed):.2f} %"
        ax.plot(one.predicted, one.observed, "o", ms=3.5, color="#0072b2", alpha=0.6, label=said)
        if one.published is not None:
            said = f"published {100 * error(one.published, one.observed):.2f} %"
            style = {"marker": "x", "ms": 3.5, "color": "#d55e00", "alpha": 0.5}
            ax.plot(one.published, one.observed, ls="none", label=said, zorder=1, **style)
        ax.set_title(f"{one.title}, n = {len(one.observed)}", fontsize=8.5)
        ax.set_xlabel(f"predicted {one.response}", fontsize=7.5)
        ax.set_ylabel("observed", fontsize=7.5)
        ax.tick_params(labelsize=7, which="both")
        ax.legend(fontsize=7, frameon=False, loc="upper left")
    figure.savefig(path)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--page", type=Path, default=Path("refits.png"))
    given = parser.parse_args()
    refits = []
    with warnings.catch_warnings():
        # Few runs and extrapolated coefficients are what the page is about.
        warnings.simplefilter("ignore")
        for make in PANELS:
            one = make()
            refits.append(one)
            print(f"{one.title}: {100 * error(one.predicted, one.observed):.2f} %", flush=True)
    draw(refits, given.page)
    print(f"wrote {given.page}")


if __name__ == "__main__":
    main()

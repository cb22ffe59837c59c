"""How to estimate a scaling law, after Choshen et al. (arXiv:2410.11840), on public tables.

    python benchmarks/hitchhiker.py --out JOBS [--quick] [--store]

One study of thousands of laws with 200 resamples each, and a second of laws for which one model
was trained and the rest is borrowed. Prints (and with --store keeps, as results/hitchhiker.md and
.png) the error on the largest model of each family against the number of models, their size, the
share of training that was used, and the tokens dropped at the start. Beside it stands the paper's
own method, a loop over scipy's curve_fit, on a sample of the same problems.

JOBS is a folder: called again, it goes on where it was stopped, or only prints.
"""

import argparse
import time
import warnings
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from hitchhiker_families import families
from measuring import environment, peak_memory_mib
from scipy.optimize import curve_fit

import scalejax as sj
from scalejax.studies import Progress
from scalejax.studies.problems import make_problems, study_table

mpl.use("Agg")
import matplotlib.pyplot as plt

from scalejax.plots import plot_study
from scalejax.status import MINIMA

RESULTS = Path(__file__).parent / "results"
PAPER_START = (6.255414, 7.3049974, 0.6254804, 0.3526596, 0.3526596)
"""The paper's start of log A, log B, log E, alpha and beta (its code)."""

BORROWED = {"A": float(np.exp(6.255414)), "alpha": 0.3526596}
COUNTS = (2, 3, 4, 5, 6, 8, 12)
SHARES = (0.3, 0.5, 1.0)
DROPPED = (0.0, 1e9, 3e9, 1e10)
OWN = (0.0, 0.1, 0.3, 0.5)


DIFFERENCES = """## Where this differs from the paper, and why

- Early tokens: leaving out the first billions helps here too, but less on OPT than in the paper.
  Huber's loss gives early checkpoints little weight to begin with; with squares on the loss, which
  the paper fits, the gain is larger. Ten billion tokens are more than most of these trainings had
  before their losses followed a law: one to three billion do as well or better.
- Number of models: rows of the first table are different families, as few have twelve models, so
  they are not to be read down a column. Two models never determine the law, and three to five do
  not always; the paper reports fits of such families, which have no single answer.
- The largest models are better than as many small ones, as in the paper.
- One run: with A and alpha borrowed, the largest model besides the target predicts as well as all
  models together, and the smallest does not. These targets are nearer than the paper's.
- Thirty per cent of each training: the paper finds it enough, here the error doubles. The law then
  extrapolates in tokens as well as in size, and these families have few models to hold it.
- The target's own beginning adds little where other models are there."""


def main_study(quick: bool) -> sj.Study:
    """Families x subsets x two objectives."""
    counts = (None, *COUNTS[: 2 if quick else None])
    subsets = [
        *sj.studies.subset_grid(models=counts, choose=("largest", "smallest", "random")),
        *sj.studies.subset_grid(until=SHARES),
        *sj.studies.subset_grid(drop=DROPPED),
        *sj.studies.subset_grid(own=OWN),
    ]
    return sj.Study(
        recipes=(
            sj.Recipe("chinchilla", label="Huber on log loss"),
            sj.Recipe("chinchilla", objective=sj.least_squares(on="loss"), label="squares on loss"),
        ),
        by=("family",),
        run="model",
        subsets=tuple(dict.fromkeys(subsets)),
        resamples=20 if quick else 200,
    )


def borrowed_study(quick: bool) -> sj.Study:
    """One model and its checkpoints, A and alpha borrowed."""
    grid = sj.studies.subset_grid(models=(1,), choose=("largest", "smallest"), drop=(0.0, 1e10))
    return sj.Study(
        recipes=(sj.Recipe("chinchilla", fixed=BORROWED, label="borrowed A, alpha"),),
        by=("family",),
        run="model",
        subsets=grid,
        resamples=20 if quick else 200,
    )


def run(study: sj.Study, runs: pd.DataFrame, out: Path) -> tuple[sj.studies.StudyResult, float]:
    """A study and the seconds that its shards took, over all calls."""

    def say(now: Progress) -> None:
        print(f"{now.done:,} of {now.total:,}, {now.seconds:.0f} s", flush=True)

    result = sj.study(study, runs, out=out, progress=say)
    assert result is not None
    lines = pd.read_json(out / "manifest-0.jsonl", lines=True)
    return result, float(lines["seconds"].sum())


def peer(study: sj.Study, runs: pd.DataFrame, sample: int) -> pd.DataFrame:
    """The paper's method on some of the problems: error, time and squares, one fit each."""
    table = study_table(study, runs)
    problems = make_problems(study, table)
    counts = problems.counts
    usable = np.flatnonzero((counts["n_rows"] > 5) & (counts["n_test"] > 0))
    chosen = np.random.default_rng(0).choice(usable, min(sample, len(usable)), replace=False)

    def law(x: Any, a: float, b: float, e: float, alpha: float, beta: float) -> Any:
        return np.exp(e) + np.exp(a) / x[0] ** alpha + np.exp(b) / x[1] ** beta

    rows = []
    for k in chosen:
        data = problems.dataset(k)
        N, D, loss = table.inputs["N"], table.inputs["D"], table.target
        begin = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                theta, _ = curve_fit(
                    law,
                    (N[data.train], D[data.train]),
                    loss[data.train],
                    p0=PAPER_START,
                    bounds=([-np.inf] * 3 + [0, 0], np.inf),
                )
            except RuntimeError:
                theta = np.full(5, np.nan)
            seconds = time.perf_counter() - begin
            predicted = law((N[data.test], D[data.test]), *theta)
            fitted = law((N[data.train], D[data.train]), *theta)
        rows.append(
            {
                "problem": int(k) + problems.datasets,
                "seconds": seconds,
                "peer ARE": float(np.mean(np.abs(predicted / loss[data.test] - 1))),
                "peer squares": float(0.5 * np.sum((fitted - loss[data.train]) ** 2)),
            }
        )
    return pd.DataFrame(rows)


def components(result: sj.studies.StudyResult) -> tuple[int, np.ndarray, np.ndarray]:
    """Share of variance of the principal components of (log A, log B, E, alpha, beta): A100.

    As they are, and each divided by its standard deviation.
    """
    wide = result.wide()
    plain = wide[
        (wide["models"] == -1) & (wide["until"] == 1) & (wide["drop"] == 0) & (wide["own"] == 0)
    ]
    good = plain[(plain["status"] == "converged") & (plain["recipe"] == "Huber on log loss")]
    x = np.column_stack([np.log(good["A"]), np.log(good["B"]), good[["E", "alpha", "beta"]]])

    def shares(values: np.ndarray) -> np.ndarray:
        size = np.linalg.svd(values - values.mean(axis=0), compute_uv=False) ** 2
        return np.cumsum(size) / size.sum()

    return len(good), shares(x), shares(x / x.std(axis=0))


def percent(row: pd.Series) -> str:
    """A median error with its interval."""
    if not row["problems"]:
        return "-"
    interval = f"{row['lo']:.1%} to {row['hi']:.1%}; " if row["families"] > 1 else ""
    return f"{row['ARE']:.1%} ({interval}{row['problems']} laws)"


def grid_table(result: sj.studies.StudyResult, axis: str, rows: pd.DataFrame) -> str:
    """A Markdown table of errors: what was varied against the recipes."""
    found = result.of(rows).errors([axis, "recipe"])
    wide = found.assign(text=found.apply(percent, axis=1)).pivot(
        index=axis, columns="recipe", values="text"
    )
    lines = ["| " + " | ".join([axis, *wide.columns]) + " |", "|---" * (1 + wide.shape[1]) + "|"]
    for value, texts in wide.iterrows():
        word = "all" if value == -1 else f"{value:g}" if isinstance(value, float | int) else value
        lines.append("| " + " | ".join([str(word), *texts.fillna("-")]) + " |")
    return "\n".join(lines)


def plain_rows(frame: pd.DataFrame, *varied: str) -> pd.DataFrame:
    """Rows whose subset is the default in all but what is varied."""
    default = {"models": -1, "until": 1.0, "drop": 0.0, "own": 0.0}
    kept = np.ones(len(frame), bool)
    for name, value in default.items():
        if name not in varied:
            kept &= (frame[name] == value).to_numpy()
    return frame[kept]


def same_families(frame: pd.DataFrame, axis: str) -> pd.DataFrame:
    """Rows of the families that could be fitted at every value of what is varied."""
    good = frame[frame["status"].isin([status.label for status in MINIMA])]
    counts = good.groupby(["family", "recipe"])[axis].nunique()
    whole = counts[counts == frame[axis].nunique()].reset_index()[["family", "recipe"]]
    return frame.merge(whole, on=["family", "recipe"])


def page(
    result: sj.studies.StudyResult, borrowed: sj.studies.StudyResult, facts: dict[str, Any]
) -> str:
    """The results as Markdown."""
    frame = result.frame
    sized = frame[(frame["models"] > 0) & (frame["choose"] != "random")]
    sized = sized.assign(chosen=sized["choose"] + " " + sized["models"].astype(str).str.zfill(2))
    baseline = facts["baseline"]
    number, raw, scaled = facts["components"]
    opt = frame[(frame["family"] == "OPT") & (frame["quantity"] == "ARE")]
    opt = plain_rows(opt, "drop")[["recipe", "drop", "estimate", "lo", "hi", "status"]]
    four = frame[
        (frame["family"] == "OPT")
        & (frame["quantity"] == "ARE")
        & (frame["models"] == 4)
        & (frame["choose"] == "smallest")
    ][["recipe", "estimate", "lo", "hi", "status"]]
    parts = [
        "# How to estimate a scaling law, on public tables",
        "`python benchmarks/hitchhiker.py --out JOBS --store`, after Choshen et al. "
        "(arXiv:2410.11840). "
        + ", ".join(f"{key} {value}" for key, value in environment().items()),
        facts["size"],
        facts["time"],
        "The error is the mean absolute relative error (ARE) on the last 30 % of the training of "
        "the largest model of a family, which is never fitted unless the table says so. Cells: "
        "median over families, 95 % interval from drawing families, number of laws. Families that "
        "are one set of models on several texts are not independent, so the intervals are too "
        "narrow for what another lab would see.",
        f"Without any law: the loss of the largest model that was fitted, at its end, is "
        f"{baseline:.1%} off (median; the paper says 18 % for its baselines, with other targets).",
        "![errors](hitchhiker.png)",
        "## Number of models besides the target, and which",
        grid_table(result, "chosen", sized),
        "## Share of each training that is used",
        "Families that could be fitted at every share only.",
        grid_table(result, "until", same_families(plain_rows(frame, "until"), "until")),
        "## Tokens dropped at the start of each training",
        "Families that could be fitted at every cut only.",
        grid_table(result, "drop", same_families(plain_rows(frame, "drop"), "drop")),
        "## Share of the target's own training that is used as well",
        grid_table(result, "own", same_families(plain_rows(frame, "own"), "own")),
        "## One model, A and alpha borrowed from the paper's start",
        grid_table(borrowed, "choose", plain_rows(borrowed.frame, "models", "drop")),
        "## The paper's cases",
        "A96, OPT with and without its first tokens (the paper: more than 15 % to 4-10 %):",
        "```\n" + opt.to_string(index=False) + "\n```",
        "A97, OPT from its four smallest models with their checkpoints (the paper: below 10 %, "
        "from final losses only, which are four numbers for five parameters: that has no single "
        "answer and is not fitted here):",
        "```\n" + four.to_string(index=False) + "\n```",
        f"A100, principal components of (log A, log B, E, alpha, beta) over {number} families: "
        f"the first three explain {raw[2]:.2%} of the variance as it is, and {scaled[2]:.2%} of "
        "that of the standardised parameters (the paper: 99.49 %).",
        DIFFERENCES,
        "## Beside the paper's method",
        facts["peer"],
        "## What failed",
        "```\n" + result.summary().split("Failed:")[-1].strip() + "\n```",
    ]
    return "\n\n".join(parts) + "\n"


def baseline_error(runs: pd.DataFrame) -> float:
    """Median error of taking the target's loss to be that of the largest other model."""
    errors = []
    for _, rows in runs.groupby("family"):
        last = rows.loc[rows.groupby("model")["D"].idxmax()].sort_values(["N", "D"])
        errors.append(abs(last["loss"].iloc[-2] / last["loss"].iloc[-1] - 1))
    return float(np.median(errors))


def figure(result: sj.studies.StudyResult, path: Path) -> None:
    """Four panels: models, size, share of training, tokens dropped."""
    drawn, axes = plt.subplots(2, 2, figsize=(9.5, 7.2), layout="constrained")
    frame = result.frame
    largest = frame[(frame["models"] > 0) & (frame["choose"] == "largest")]
    plot_study(result.of(largest), "models", axes[0, 0])
    axes[0, 0].set_title("The largest models besides the target", fontsize=9)
    smallest = frame[(frame["models"] > 0) & (frame["choose"] == "smallest")]
    plot_study(result.of(smallest), "scale", axes[0, 1])
    axes[0, 1].set_title("The smallest models: how far away is the target?", fontsize=9)
    for axis, ax in (("until", axes[1, 0]), ("drop", axes[1, 1])):
        plot_study(result.of(same_families(plain_rows(frame, axis), axis)), axis, ax)
    drawn.savefig(path, dpi=130)


def main() -> None:
    """The command line."""
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--out", type=Path, required=True, help="folder of the jobs")
    made.add_argument("--quick", action="store_true", help="few families and resamples")
    made.add_argument("--store", action="store_true", help="keep the page under results/")
    made.add_argument("--sample", type=int, default=60, help="laws fitted by the paper's method")
    given = made.parse_args()
    runs = families()
    if given.quick:
        runs = runs[runs["family"].isin([*runs["family"].unique()[::12], "OPT"])]
    study = main_study(given.quick)
    begin = time.perf_counter()
    result, seconds = run(study, runs, given.out / "main")
    borrowed, more = run(borrowed_study(given.quick), runs, given.out / "borrowed")
    wall = time.perf_counter() - begin
    loop = peer(study, runs, given.sample)
    ours = result.wide().set_index("problem")
    both = loop[loop["problem"].isin(ours.index)].set_index("problem")
    both = both.join(ours[["ARE", "status"]])
    fitted = both[both.index.isin(result.usable["problem"])]
    laws = result.frame["problem"].nunique() + borrowed.frame["problem"].nunique()
    fits = laws * (study.resamples + 1)
    per_fit = float(loop["seconds"].mean())
    differ = int((np.abs(fitted["peer ARE"] / fitted["ARE"] - 1) > 0.1).sum())
    facts = {
        "size": f"{runs['family'].nunique()} families, {len(runs):,} rows, {laws:,} laws with "
        f"{study.resamples} resamples each: {fits:,} fits.",
        "time": f"{seconds + more:.0f} s in shards, {wall:.0f} s for this call with compilation, "
        f"peak memory {peak_memory_mib():,.0f} MiB.",
        "baseline": baseline_error(runs),
        "components": components(result),
        "peer": f"curve_fit from the paper's start on {len(both)} of the same problems: "
        f"{per_fit * 1e3:.0f} ms a fit, so that {fits:,} fits would take "
        f"{per_fit * fits / 3600:.1f} h; it did not end for {int(both['peer ARE'].isna().sum())}. "
        f"Where our fit is a minimum ({len(fitted)}), its median error is "
        f"{fitted['peer ARE'].median():.2%}, ours {fitted['ARE'].median():.2%}; they differ by "
        f"more than a tenth in {differ}.",
    }
    text = page(result, borrowed, facts)
    print(text)
    place = RESULTS if given.store else given.out
    (place / "hitchhiker.md").write_text(text)
    figure(result, place / "hitchhiker.png")


if __name__ == "__main__":
    main()

"""What families gain from each other, and whether pooled intervals hold the truth.

    python benchmarks/pooling.py simulate --families 9 --populations 1000
    python benchmarks/pooling.py sample --families 9 --populations 240    # the same by NUTS
    python benchmarks/pooling.py families          # needs SCALEJAX_DATA
    python benchmarks/pooling.py page

All but the last store numbers in results/pooling.json, from which it writes results/pooling.md.
"""

import argparse
import json
import time
import warnings
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pandas as pd
from pooling_page import page
from pooling_simulation import DRAWS, NOISE, TARGET, WARMUP, Outcome, design, simulate

import scalejax as sj
from scalejax.pooling import principal_components

_RESULTS = Path(__file__).parent / "results"
_MUENNIGHOFF = {"A": float(np.exp(6.255414)), "alpha": 0.3526596}
_OPTIONS = {"columns": {"N": "N", "D": "D", "loss": "loss"}, "target": "loss"}
_FINAL_SHARE = 3


def store(name: str, found: Any) -> None:
    """Put a part into results/pooling.json."""
    file = _RESULTS / "pooling.json"
    known = json.loads(file.read_text()) if file.exists() else {}
    file.write_text(json.dumps({**known, name: found}, indent=1, sort_keys=True) + "\n")


def ratio(pooled: Any, separate: Any, unit: Any) -> dict[str, float]:
    """Ratio of median errors, pooled over separate, with an interval from resampled units."""
    pooled, separate, unit = np.asarray(pooled), np.asarray(separate), np.asarray(unit)
    random = np.random.default_rng(0)
    names = np.unique(unit)
    rows = {name: np.flatnonzero(unit == name) for name in names}
    draws = []
    for _ in range(1000):
        take = np.concatenate([rows[name] for name in random.choice(names, len(names))])
        draws.append(np.median(pooled[take]) / np.median(separate[take]))
    low, high = np.quantile(draws, [0.025, 0.975])
    return {
        "pooled": float(np.median(pooled)),
        "separate": float(np.median(separate)),
        "ratio": float(np.median(pooled) / np.median(separate)),
        "lo": float(low),
        "hi": float(high),
        "units": len(names),
    }


def summarised(outcome: Outcome, families: int, seconds: float) -> dict[str, Any]:
    """Coverage, and the errors against separate fits of the same runs."""
    kinds = {
        name: {
            "parameters": float(np.mean(outcome.parameters[:, k::3])),
            "least": float(np.min(np.mean(outcome.parameters[:, k::3], axis=(0, 1)))),
            "curve": float(np.mean(outcome.curve[:, k::3])),
            "run": float(np.mean(outcome.run[:, k::3])),
            "width": float(np.median(outcome.width[:, k::3])),
        }
        for k, name in enumerate(("8 runs", "6 runs", "4 checkpoints of one size"))
    }
    return {
        "families": families,
        "populations": len(outcome.curve),
        "seconds": seconds,
        "noise": NOISE,
        "kinds": kinds,
        "new_curve": float(np.mean(outcome.new_curve)),
        "new_run": float(np.mean(outcome.new_run)),
        "means": float(np.mean(outcome.means)),
        "spreads": float(np.mean(outcome.spreads)),
        "converged": float(np.mean(outcome.decrement < 1e-6)),
        "against": _against_separate(outcome, families),
    }


def _against_separate(outcome: Outcome, families: int, populations: int = 100) -> dict[str, Any]:
    sizes, tokens, weight = design(families)
    frames = []
    for k in range(min(populations, len(outcome.target))):
        for g in (g for g in range(families) if g % 3 < 2):
            used = weight[g] > 0
            columns = {"N": sizes[g][used], "D": tokens[g][used]}
            columns["loss"] = np.exp(outcome.target[k, g][used])
            frames.append(pd.DataFrame(columns).assign(key=f"{k}/{g}"))
    fits = _separate(pd.concat(frames, ignore_index=True), sj.least_squares())
    found = {}
    for kind, name in enumerate(("8 runs", "6 runs")):
        rows = []
        for key, fit in fits.items():
            k, g = (int(x) for x in key.split("/"))
            if g % 3 == kind:
                error = abs(_at(fit, *TARGET) / outcome.truth[k, g] - 1)
                rows.append((float(outcome.error[k, g]), float(error), k))
        found[name] = ratio(*zip(*rows, strict=True))
    return found


def _separate(runs: pd.DataFrame, objective: sj.Objective | None) -> dict[str, sj.Fit]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return sj.fit_many(runs, by="key", objective=objective, **_OPTIONS)


def _at(fit: sj.Fit, N: Any, D: Any) -> Any:
    points = {"N": np.asarray(N, float), "D": np.asarray(D, float)}
    return fit.curve(points, fit.params)


def collections() -> dict[str, pd.DataFrame]:
    """Real families: columns family, N, D, loss."""
    gadre = sj.datasets.load("gadre")
    wanted = [
        "c4_val",
        "paloma_c4_en",
        "paloma_falcon-refinedweb",
        "paloma_ptb",
        "paloma_redpajama",
    ]
    parts = [
        gadre.assign(loss=gadre[f"loss_{x}"], family=gadre["train_data"] + " on " + x)
        for x in wanted
    ]
    ladder = sj.datasets.load("olmo-ladder").sort_values("D").groupby("run").tail(1)
    sets = [name for name in ladder.columns if name.startswith("ce_")]
    ladders = [ladder.assign(loss=ladder[name], family=name[3:]) for name in sets]
    porian = sj.datasets.load("porian")
    kept = porian.groupby(["hparams", "warmup", "decay", "param_count", "loss_split"])
    porian["family"] = kept.ngroup().map(lambda k: f"variant {k}")
    found = {
        "gadre: 3 corpora x 5 evaluation sets": pd.concat(parts),
        "olmo-ladder: 11 evaluation sets": pd.concat(ladders),
        "porian: 10 variants of one sweep": porian,
    }
    columns = ["family", "N", "D", "loss"]
    return {name: frame[columns].dropna().reset_index(drop=True) for name, frame in found.items()}


def held_out(runs: pd.DataFrame, few: int, subsets: int) -> list[tuple[pd.DataFrame, pd.DataFrame]]:
    """Few runs of each family from the lower part in compute, and its largest runs."""
    random = np.random.default_rng(0)
    pairs = []
    for _ in range(subsets):
        train, test = [], []
        for _, part in runs.groupby("family"):
            ordered = part.sort_values("N", kind="stable")
            ordered = ordered.iloc[np.argsort((ordered["N"] * ordered["D"]).to_numpy())]
            cut = int(0.7 * len(ordered))
            train.append(ordered.iloc[np.sort(random.choice(cut, few, replace=False))])
            test.append(ordered.iloc[-max(len(ordered) // 10, 2) :])
        pairs.append((pd.concat(train), pd.concat(test)))
    return pairs


def compared(runs: pd.DataFrame, few: int, subsets: int) -> dict[str, Any]:
    """Errors of held-out runs, pooled and separate, by least squares and by the default."""
    pairs = held_out(runs, few, subsets)
    marked = [train.assign(key=train["family"] + f"/{k}") for k, (train, _) in enumerate(pairs)]
    whole = pd.concat(marked, ignore_index=True).drop(columns="family")
    alone = {"least squares": _separate(whole, sj.least_squares()), "huber": _separate(whole, None)}
    rows = []
    for k, (train, test) in enumerate(pairs):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pooled = sj.pool(train, by="family", draws=200, **_OPTIONS)
        for name, part in test.groupby("family"):
            found = pooled.predict(str(name), part[["N", "D"]])
            row = {
                "family": name,
                "pooled": np.abs(found["loss"].to_numpy() / part["loss"] - 1).mean(),
                "covered": np.mean(
                    part["loss"].between(*(found[x].to_numpy() for x in ("lo", "hi")))
                ),
            }
            for label, fits in alone.items():
                curve = _at(fits[f"{name}/{k}"], part["N"], part["D"])
                row[label] = np.abs(curve / part["loss"] - 1).mean()
            rows.append(row)
    frame = pd.DataFrame(rows)
    made = {label: ratio(frame["pooled"], frame[label], frame["family"]) for label in alone}
    return {"few": few, "subsets": subsets, "covered": float(frame["covered"].mean()), **made}


def fitted_parameters(sets: dict[str, pd.DataFrame]) -> dict[str, Any]:
    """A100: principal components of the five parameters of all families, fitted by themselves."""
    marked = [x.assign(key=x["family"] + f" ({n})") for n, x in enumerate(sets.values())]
    runs = pd.concat(marked)
    fits = _separate(runs.drop(columns="family").reset_index(drop=True), None)
    good = [fit.params for fit in fits.values() if fit.status == sj.Status.CONVERGED]
    table = pd.DataFrame(good)
    found = {}
    for label, options in (
        ("as they are", {}),
        ("log A, log B", {"logs": ["A", "B"]}),
        ("log A, log B, standardised", {"logs": ["A", "B"], "standardise": True}),
    ):
        cumulative = principal_components(table, **options).cumulative
        found[label] = [float(x) for x in cumulative]
    return {"families": len(fits), "converged": len(good), "cumulative": found}


def borrowed() -> dict[str, Any]:
    """A98 and A99: one model's curve with the size term of arXiv:2305.16264."""
    runs = sj.datasets.load("hitchhiker")
    olmo = runs[runs["family"] == "OLMo-1"].rename(columns={"value": "loss"})
    one, seven = (olmo[olmo["model"] == name] for name in ("OLMo-1B", "OLMo-7B"))
    errors = {}
    for metric in sorted(set(one["metric"])):
        plain = "loss:" + metric.removeprefix("loss:").removeprefix("v2-small-").removeprefix(
            "v3-small-"
        )
        if metric.startswith("loss") and plain in set(seven["metric"]):
            target = seven[seven["metric"] == plain]
            target = target.nlargest(len(target) // _FINAL_SHARE, "D")
            errors[metric] = _borrowed_error(one[one["metric"] == metric], target)
    opt = runs[runs["family"] == "OPT"]
    opt = opt.assign(loss=np.log(opt["value"]))
    target = opt[opt["model"] == "OPT-175b"].nlargest(10, "D")
    sources = ("OPT-1.3b", "OPT-6.7b", "OPT-13b", "OPT-30b")
    large = {name: _borrowed_error(opt[opt["model"] == name], target) for name in sources}
    return {"olmo": errors, "opt": large}


def _borrowed_error(curve: pd.DataFrame, target: pd.DataFrame) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = sj.fit(
            curve.loc[curve["D"] >= 1e10, ["N", "D", "loss"]], fixed=_MUENNIGHOFF, resamples=0
        )
    found = _at(fit, target["N"], target["D"])
    return float(np.mean(np.abs(found / target["loss"].to_numpy() - 1)))


def main() -> None:
    """The command line."""
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("part", choices=("simulate", "sample", "families", "page"))
    made.add_argument("--families", type=int, default=9)
    made.add_argument("--populations", type=int, default=1000)
    made.add_argument("--subsets", type=int, default=5)
    given = made.parse_args()
    if given.part in ("simulate", "sample"):
        begin, options = time.perf_counter(), {}
        if given.part == "sample":
            options = {"draws": DRAWS, "warmup": WARMUP}
        outcome = simulate(given.families, given.populations, **options)
        seconds = time.perf_counter() - begin
        name = "simulation" if given.part == "simulate" else "sampled"
        store(f"{name} {given.families}", summarised(outcome, given.families, seconds))
    elif given.part == "families":
        sets = collections()
        store("borrowed", borrowed())
        store("components", fitted_parameters(sets))
        found = {name: compared(runs, 7, given.subsets) for name, runs in sets.items()}
        store("real", found)
    else:
        text = page(json.loads((_RESULTS / "pooling.json").read_text()), jax.__version__)
        (_RESULTS / "pooling.md").write_text(text)
        print(text)


if __name__ == "__main__":
    main()

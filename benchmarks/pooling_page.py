"""The page of benchmarks/pooling.py: results/pooling.md from its numbers."""

from typing import Any

from pooling_simulation import DRAWS, WARMUP


def page(found: dict[str, Any], jax_version: str) -> str:
    """The page as markdown."""
    lines = [
        "# What families gain from each other",
        "",
        f"Written by `python benchmarks/pooling.py`, JAX {jax_version}. Intervals are 95 %.",
        "",
        "## Simulated populations",
        "",
        "Families follow Chinchilla's law. Logarithms of the terms of E, A and B at a reference "
        "run, of alpha and of beta are normal between families (sd .10, .20, .20, .15, .15, "
        "neighbours correlated by .5); noise of the log loss is .005. A third of the families has "
        "8 runs, a third 6, a third 4 checkpoints of a single size. The target is N = 1e10, "
        "D = 2e11: 6 times the largest size, and beyond the largest compute by a factor of 10 to "
        "100. Nominal coverage is .95; the aim is .93 to .97.",
        "",
    ]
    for name in sorted(key for key in found if key.startswith("simulation")):
        lines += [*_simulation(found[name]), ""]
    for name in sorted(key for key in found if key.startswith("sampled")):
        lines += [*_sampled(found[name]), ""]
    lines += ["## Real families", "", *_real(found.get("real", {})), ""]
    lines += [*_components(found.get("components")), "", *_borrowed(found.get("borrowed")), ""]
    return "\n".join(lines)


def _simulation(x: dict[str, Any]) -> list[str]:
    error = (0.95 * 0.05 / x["populations"]) ** 0.5
    lines = [
        f"### {x['families']} families, {x['populations']} populations",
        "",
        f"{x['seconds']:.0f} s on two shared cores; {100 * x['converged']:.1f} % of the searches "
        f"converged, all from the law's plausible middle. Monte Carlo error of a coverage of a new "
        f"family: {error:.3f}; of the others less.",
        "",
        *_coverage(x),
        "",
        "Median error at the target, against least squares on the family alone (intervals over "
        "populations):",
        "",
        "| family | pooled | alone | ratio |",
        "| --- | --- | --- | --- |",
    ]
    return lines + [_ratio_row(name, r) for name, r in x["against"].items()]


def _sampled(x: dict[str, Any]) -> list[str]:
    return [
        f"### The same by NUTS: {x['families']} families, {x['populations']} populations",
        "",
        f"What `pool_posterior(pooled).pooled` gives, by one chain of {WARMUP} steps of warmup and "
        f"{DRAWS} draws; {x['seconds']:.0f} s.",
        "",
        *_coverage(x),
    ]


def _coverage(x: dict[str, Any]) -> list[str]:
    return [
        "| family | parameters | the least of five | curve at the target | run at the target | "
        "width of the curve's interval |",
        "| --- | --- | --- | --- | --- | --- |",
        *(
            f"| {name} | {k['parameters']:.3f} | {k['least']:.3f} | {k['curve']:.3f} | "
            f"{k['run']:.3f} | {100 * k['width']:.1f} % |"
            for name, k in x["kinds"].items()
        ),
        f"| never seen | | | {x['new_curve']:.3f} | {x['new_run']:.3f} | |",
        "",
        f"The population's means are covered in {x['means']:.3f}, its standard deviations in "
        f"{x['spreads']:.3f}.",
    ]


def _ratio_row(name: str, r: dict[str, float]) -> str:
    return (
        f"| {name} | {100 * r['pooled']:.2f} % | {100 * r['separate']:.2f} % | {r['ratio']:.2f} "
        f"({r['lo']:.2f} to {r['hi']:.2f}) |"
    )


def _real(found: dict[str, Any]) -> list[str]:
    if not found:
        return ["Not run."]
    first = next(iter(found.values()))
    lines = [
        f"{first['few']} runs of each family, drawn {first['subsets']} times from the lower 70 % "
        "in compute; the largest tenth is predicted. ARE is the mean of |predicted / observed - 1| "
        "of a family; medians over families and draws, intervals over families. Families of one "
        "collection share runs or sizes, so they are not independent and the intervals are "
        "optimistic.",
        "",
        "| families | alone by | pooled ARE | alone ARE | ratio | runs in the 95 % interval |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, x in found.items():
        for label in ("least squares", "huber"):
            row = _ratio_row(f"{name} | {label}", x[label])
            lines.append(f"{row} {x['covered']:.2f} |")
    return [
        *lines,
        "",
        "On the ladder pooling neither helps nor harms, and few runs lie in their intervals: they "
        "take the law for true beyond the runs, and its evaluation sets share their runs and so "
        "their errors.",
    ]


def _components(x: dict[str, Any] | None) -> list[str]:
    if x is None:
        return []
    lines = [
        "## Three of five parameters",
        "",
        f"Each of {x['families']} families fitted by itself (Huber), {x['converged']} converged. "
        "Cumulative share of the variance that principal components explain; Choshen et al. "
        "(arXiv:2410.11840) report 99.49 % for three.",
        "",
        "| parameters | 1 | 2 | 3 | 4 | 5 |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, shares in x["cumulative"].items():
        lines.append(f"| {name} | " + " | ".join(f"{100 * s:.2f} %" for s in shares) + " |")
    return lines


def _borrowed(x: dict[str, Any] | None) -> list[str]:
    if x is None:
        return []
    return [
        "## Borrowed size terms",
        "",
        "log A = 6.255414 and alpha = .3526596 (arXiv:2305.16264) held; E, B and beta from one "
        "model's checkpoints after 10 billion tokens. OLMo-7B (last third of its curve) from "
        "OLMo-1B; the paper reports less than 1 %, without saying on which set:",
        "",
        "| validation set of the 1B model | ARE |",
        "| --- | --- |",
        *(f"| {name} | {100 * e:.1f} % |" for name, e in x["olmo"].items()),
        "",
        "OPT-175B (last 10 points, of log perplexity) from one smaller model. The paper reports "
        "37 %, 25 % and 15 % from 8.7B, 13B and 30B; there is no 8.7B in the table:",
        "",
        "| source | ARE |",
        "| --- | --- |",
        *(f"| {name} | {100 * e:.1f} % |" for name, e in x["opt"].items()),
    ]

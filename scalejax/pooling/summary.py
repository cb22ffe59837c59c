"""A pooled fit in words: the status first, then the population and the families."""

import numpy as np

from scalejax.pooling.record import PooledRecord
from scalejax.status import Status
from scalejax.wording import aligned


def summarise(pooled: PooledRecord, level: float) -> str:
    """The status, the population and the families, as plain text."""
    families = len(pooled.groups)
    percent = f"{100 * level:g} %"
    noise = "Gaussian" if pooled.hierarchy.dof is None else f"Student-t({pooled.hierarchy.dof:g})"
    lines = [
        f"{pooled.law.name}: {families} families, {pooled.table.n_rows} runs, {noise} noise of the "
        "log loss",
        f"{pooled.status.label}: {pooled.agreeing} of {pooled.starts} starts reached the best; "
        f"{_failed(pooled)}",
        f"{len(pooled.population_draws)} draws {_origin(pooled)}, seed {pooled.seed}",
        *_caveat(pooled),
        "",
    ]
    if pooled.pooled:
        lines += [*_population(pooled, level, percent), ""]
    rows = [
        [str(name), f"{row.estimate:.5g}", f"{row.lo:.5g} to {row.hi:.5g}"]
        for name, row in pooled.shared(level).iterrows()
    ]
    if rows:
        lines += ["The same in all families:", *aligned(["", "estimate", percent], rows), ""]
    return "\n".join([*lines, *_families(pooled)])


def _origin(pooled: PooledRecord) -> str:
    return "by NUTS" if pooled.sampled else "of Laplace's approximation"


def _caveat(pooled: PooledRecord) -> list[str]:
    if pooled.sampled:
        return []
    return [
        "Intervals of families that are known well may be a tenth to a third too narrow; "
        "pool_posterior samples instead."
    ]


def _failed(pooled: PooledRecord) -> str:
    failed = [name for name, s in pooled.group_status.items() if s != Status.CONVERGED]
    return f"did not converge: {', '.join(failed)}" if failed else "every family converged"


def _population(pooled: PooledRecord, level: float, percent: str) -> list[str]:
    at = ", ".join(f"{name} = {x:.3g}" for name, x in pooled.reference.items())
    rows = [
        [_called(pooled, str(name)), f"{np.exp(row['mean']):.4g}" if _is_log(pooled, str(name))
         else f"{row['mean']:.4g}", f"{row.sd:.3f}", f"{row.sd_lo:.3f} to {row.sd_hi:.3f}"]
        for name, row in pooled.population(level).iterrows()
    ]  # fmt: skip
    cumulative = ", ".join(f"{100 * x:.1f} %" for x in pooled.components().cumulative)
    return [
        f"Between families (sd of logarithms; terms at the reference run {at}):",
        *aligned(["", "middle", "sd", percent], rows),
        f"Principal components explain, one after the other, {cumulative}.",
    ]


def _called(pooled: PooledRecord, name: str) -> str:
    return f"term of {name}" if name in pooled.hierarchy.centred else name


def _is_log(pooled: PooledRecord, name: str) -> bool:
    parameters = pooled.law.parameters
    return name not in parameters or parameters[name].support.name == "positive"


def _families(pooled: PooledRecord) -> list[str]:
    free = pooled.hierarchy.model.free
    rows = []
    for name in pooled.groups:
        family = pooled.family(name)
        rows.append([name, str(family.rows), *[f"{family.params[key]:.4g}" for key in free]])
    return ["Families:", *aligned(["", "runs", *free], rows)]

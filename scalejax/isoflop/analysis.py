"""Parabolas through the runs of each compute budget, and through noise-free runs of a law."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from scalejax._arrays import Floats, Ints
from scalejax.amounts import whole
from scalejax.compute import Compute, Written, clear_compute, compute_of
from scalejax.data import Table, load_table
from scalejax.errors import UsageError
from scalejax.fitting import Fit
from scalejax.fitting import fit as fit_law
from scalejax.isoflop.optimum import law_losses, true_optimum
from scalejax.isoflop.result import Isoflop, run_of, with_bias
from scalejax.laws import Law, find_law
from scalejax.vocabulary import argument
from scalejax.workload import MOST_POINTS

MIN_RUNS = 4
"""Sizes that a budget needs for a parabola: three would be met exactly."""


def isoflop(
    runs: Any,
    *,
    law: str | Law = "chinchilla",
    params: Mapping[str, float] | None = None,
    along: str = "N",
    budget: str | None = None,
    tolerance: float = 0.1,
    flop_per_token: Written | None = None,
) -> Isoflop:
    """Fit parabolas to the runs of each compute budget, and measure their bias.

    Args:
        runs: A `Fit`, whose law and parameters are then the ones compared with, or what
            `scalejax.load_table` takes.
        law: The law to compare with if `runs` is not a fit; its inputs must be N and D.
        params: Its parameters, such as ``law.published["hoffmann2022"]``. Without them the law is
            fitted to the runs.
        along: The input whose logarithm is the axis of the parabolas, N or D.
        budget: Column whose values tell the budgets apart (a `Table` has it as its group). Without
            one, runs belong together whose compute differs from the middle of a budget by less
            than `tolerance`.
        tolerance: Relative half-width of a budget.
        flop_per_token: Training FLOP of a token, ``"12N"`` or ``"6N + 4.8e8"``. Without it they are
            what a measured column of compute says, or 6 N.

    Returns:
        The minima with their bias.

    Raises:
        UsageError: The law has other inputs, no budget has runs of four sizes, or it is open what
            a run costs.
    """
    if along not in ("N", "D"):
        raise UsageError(f"along must be 'N' or 'D', not {along!r}.")
    if not tolerance > 0:
        raise UsageError(f"tolerance must be positive, not {tolerance!r}.")
    if isinstance(runs, Fit):
        if budget is not None:
            raise UsageError(
                f"{argument('budget')} names a column of a table: give the table, not its fit."
            )
        law, table, params = runs.law, replace(runs.table, group=None), params or runs.params
        _check_law(law)
    else:
        law = find_law(law)
        _check_law(law)
        table = load_table(runs, inputs=law.inputs, by=budget)
        if params is None:
            params = fit_law(
                replace(table, group=None, group_labels=()), law=law, resamples=0
            ).params
    compute = clear_compute(table.compute) if flop_per_token is None else compute_of(flop_per_token)
    frame = _by_budget(replace(table, compute=compute), along, tolerance)
    return _compare(frame, law, params, along, table.n_rows - len(frame), compute)


def isoflop_bias(
    law: str | Law,
    params: Mapping[str, float],
    budgets: Sequence[float],
    span: float,
    points: int = 15,
    target: float | None = None,
    flop_per_token: Written = 6.0,
) -> pd.DataFrame:
    """The bias of approach 2 on noise-free runs centred on the optimum of every budget.

    Args:
        law: A law of N and D.
        params: Its parameters.
        budgets: Compute budgets, FLOP.
        span: Runs lie between 1/span and span times the best N, evenly in the logarithm.
        points: Runs per budget.
        target: Budget to which the power law through the minima is extrapolated, FLOP.
        flop_per_token: Training FLOP of a token, as for `isoflop`.

    Returns:
        `Isoflop.minima`, with `target` as a last row in which extrapolated is true.

    Raises:
        UsageError: The law has other inputs, or the design is no design.
    """
    law = find_law(law)
    _check_law(law)
    whole("points", points, 1, MOST_POINTS)
    if not (span > 1 and points >= MIN_RUNS and len(budgets) >= 2 and min(budgets) > 0):
        raise UsageError(
            f"a design needs span above 1, at least {MIN_RUNS} points and two positive budgets; "
            f"not span={span!r}, {argument('points', points)}, budgets={list(budgets)!r}."
        )
    compute, each = compute_of(flop_per_token), np.asarray(budgets, np.float64)
    n = true_optimum(law, params, each, compute).N[:, None] * np.geomspace(1 / span, span, points)
    d = compute.tokens(each[:, None], n)
    design = pd.DataFrame(
        {
            "C": np.repeat(each, points),
            "N": n.ravel(),
            "D": d.ravel(),
            "loss": law_losses(law, params, n.ravel(), d.ravel()),
            "weight": 1.0,
        }
    )
    result = _compare(design, law, params, "N", 0, compute)
    frame = result.minima.assign(extrapolated=False)
    if target is None:
        return frame
    return pd.concat([frame, result.at(target).assign(extrapolated=True)], ignore_index=True)


def _check_law(law: Law) -> None:
    if sorted(law.inputs) != ["D", "N"]:
        raise UsageError(
            f"isoFLOP slices need a law of N and D; the inputs of {law.name} are "
            f"{', '.join(law.inputs)}."
        )


def _by_budget(table: Table, along: str, tolerance: float) -> pd.DataFrame:
    """The runs of every budget that has enough sizes, with the budget's compute, by C and `along`.

    The compute of a budget is the geometric mean of its runs.
    """
    frame = pd.DataFrame(
        {
            "row": table.row,
            "N": table.inputs["N"],
            "D": table.inputs["D"],
            "loss": table.target,
            "weight": table.weight,
        }
    )
    frame.attrs["loss_unit"] = table.unit
    log_c = np.log(table.flop)
    codes = _windows(log_c, tolerance) if table.group is None else table.group
    frame.insert(1, "C", np.exp(pd.Series(log_c).groupby(codes).transform("mean")))
    frame = frame[frame.groupby(codes)[along].transform("nunique") >= MIN_RUNS]
    if frame.empty:
        raise UsageError(
            f"no compute budget has runs of {MIN_RUNS} sizes: approach 2 needs runs that share "
            "their compute within a tolerance, or a column that names the budgets."
        )
    return frame.sort_values(["C", along], ignore_index=True)


def _windows(log_c: Floats, tolerance: float) -> Ints:
    """Budget number of each run (n,): windows of one width, the one of most runs taken first."""
    width = np.log1p(tolerance) - np.log1p(-tolerance) if tolerance < 1 else np.inf
    codes = np.full(len(log_c), -1)
    while np.any(codes < 0):
        left = np.flatnonzero(codes < 0)
        starts = np.sort(log_c[left])
        counts = np.searchsorted(starts, starts + width, side="right") - np.arange(len(starts))
        start = starts[np.argmax(counts)]
        inside = (log_c[left] >= start) & (log_c[left] <= start + width)
        codes[left[inside]] = codes.max() + 1
    return codes


def _compare(
    runs: pd.DataFrame,
    law: Law,
    params: Mapping[str, float],
    along: str,
    left_out: int,
    compute: Compute,
) -> Isoflop:
    params = {name: float(params[name]) for name in law.parameters}
    noise_free = law_losses(law, params, runs["N"].to_numpy(), runs["D"].to_numpy())
    rows = []
    for budget, group in runs.groupby("C"):
        x = np.log(group[along].to_numpy())
        weight = group["weight"].to_numpy()
        best, loss, curvature = _parabola(x, group["loss"].to_numpy(), weight)
        ideal, _, _ = _parabola(x, noise_free[group.index], weight)
        rows.append(
            {
                "C": budget,
                "runs": len(group),
                **_pair(along, best, budget, compute),
                "loss": loss,
                "curvature": curvature,
                "inside": bool(x.min() < best < x.max()),
                **_pair(along, ideal, budget, compute, "_noise_free"),
            }
        )
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    minima = pd.DataFrame(with_bias(columns, law, params, compute))
    return Isoflop(law, params, along, runs, minima, left_out, compute)


def _parabola(x: Floats, loss: Floats, weight: Floats) -> tuple[float, float, float]:
    """Weighted least-squares parabola: its minimum, the loss there, the second derivative."""
    centre, scale = 0.5 * (x.min() + x.max()), 0.5 * float(np.ptp(x))
    u = (x - centre) / scale
    root = np.sqrt(weight / np.max(weight))
    basis = np.stack([np.ones_like(u), u, u * u], axis=1)
    c0, c1, c2 = np.linalg.lstsq(basis * root[:, None], loss * root, rcond=None)[0]
    curvature = float(2 * c2 / scale**2)
    if not c2 > 0:
        return float("nan"), float("nan"), curvature
    return float(centre - scale * c1 / (2 * c2)), float(c0 - c1**2 / (4 * c2)), curvature


def _pair(
    along: str, log_x: float, budget: Any, compute: Compute, suffix: str = ""
) -> dict[str, float]:
    """N and D of a budget, from the logarithm of the one that `along` names."""
    n, d = run_of(along, float(np.exp(log_x)), float(budget), compute)
    return {f"N{suffix}": float(n), f"D{suffix}": float(d)}

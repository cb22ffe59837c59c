"""Do suggested runs beat the usual grids? Simulate, and write results/design.md.

    python benchmarks/design.py [--quick]

A pilot of ten runs is simulated from a published law many times and fitted; each fit is asked for
the next runs, which are trained (simulated) and fitted together with the pilot. A full run takes
some minutes of two cores. `--quick` checks that everything runs, and stores nothing. Designs by a
forecast, where the law bends, are in design_forecast.py.
"""

import argparse
import json
import time
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from measuring import environment
from scipy.special import stdtrit

from scalejax.designing.best_runs import (
    Knowledge,
    Setting,
    best_runs,
    information_before,
    judge,
    slopes_of,
)
from scalejax.designing.comparison import grid_for_money, usual_grids
from scalejax.designing.information import Noise, PastRuns
from scalejax.designing.record import crossing
from scalejax.designing.region import grid, region_of, run_at, run_at_place
from scalejax.designing.simulation import quantile_spread, refits, targets_at
from scalejax.designing.targets import target_of
from scalejax.engine.arrays import HostTable, make_box
from scalejax.engine.engine import Engine
from scalejax.files import plain
from scalejax.laws import LAWS
from scalejax.objectives import least_squares, make_model

_RESULTS = Path(__file__).parent / "results"
_TRUTHS = (
    ("chinchilla", "hoffmann2022-tex"),
    ("chinchilla", "besiroglu2024"),
    ("chinchilla", "krajewski2024-dense"),
    ("chinchilla_tied", "muennighoff2023"),
)
_NOISE, _TARGET, _BUDGET, _RUNS, _DRAWS = 0.005, 1e23, 1e21, 12, 8
_PILOT = (np.geomspace(1e18, 1e20, 10), np.resize([5.0, 80.0, 20.0], 10))
_SHARES = np.geomspace(0.02, 1.0, 6)
_LEVEL = 0.95


def _with_noise(knowledge: Knowledge, sd: Any) -> Knowledge:
    noise = knowledge.noise._replace(sd=sd)
    return knowledge._replace(noise=noise, past=knowledge.past._replace(noise=noise))


@partial(jax.jit, static_argnums=0)
def _designs(
    setting: Setting, knowledge: Knowledge, region: Any, u: Any, sd: Any, money: Any
) -> Any:
    """A design for each pilot: u is (R, S, p), sd the noise that each saw, (R,)."""

    def one(item: Any) -> Any:
        u, sd = item
        seen = _with_noise(knowledge, sd)._replace(u=u)
        found = best_runs(setting, seen, region, money)
        return {"runs": found.runs, "used": found.used, "promised": found.error[0]}

    return jax.lax.map(one, (u, sd), batch_size=8)


@partial(jax.jit, static_argnums=0)
def _true_errors(
    setting: Setting, knowledge: Knowledge, candidates: Any, runs: Any, used: Any
) -> Any:
    return jax.vmap(lambda r, w: judge(setting, knowledge, candidates, r, w)[1][0])(runs, used)


@partial(jax.jit, static_argnums=0)
def _draws(setting: Setting, knowledge: Knowledge, u: Any, sd: Any, steps: Any) -> Any:
    """The estimate and draws from its covariance, (R, 1 + S, p); odd draws are the estimate."""

    def one(u: Any, sd: Any, steps: Any) -> Any:
        matrix = information_before(setting, _with_noise(knowledge, sd), u)
        size = jnp.sqrt(jnp.diagonal(matrix))
        root = jnp.linalg.cholesky(matrix / jnp.outer(size, size))
        drawn = u + jax.scipy.linalg.solve_triangular(root.T, steps.T).T / size
        slopes = jax.vmap(lambda u: slopes_of(setting, knowledge, u)[1])(drawn)
        fine = jnp.isfinite(slopes).all(1) & jnp.isfinite(drawn).all(1)
        return jnp.concatenate([u[None], jnp.where(fine[:, None], drawn, u)])

    return jax.vmap(one)(u, sd, steps)


def _fit_each(setting: Setting, knowledge: Knowledge, inputs: Any, targets: Any) -> Any:
    """The target (R,) of fits to tables of inputs and log losses, (R, n) each."""
    model = setting.model
    count, rows = targets.shape
    tables = [
        HostTable(tuple(x[k] for x in inputs), np.exp(targets[k]), np.ones(rows), np.arange(rows))
        for k in range(count)
    ]
    engine = Engine(model, least_squares(), tables, make_box(model, {}), fixed={})
    zeros = np.zeros(count, np.int64)
    hint = np.repeat(np.asarray(knowledge.u[:1]), count, axis=0)
    ends = engine.refit(np.arange(count), zeros, hint=hint, chunk=128)
    return targets_at(setting, knowledge, ends.u)


def _log_loss(setting: Setting, u: Any, runs: Any) -> Any:
    with jax.enable_x64(True):
        inputs = tuple(jnp.asarray(runs[name]) for name in setting.model.law.inputs)
        return np.asarray(setting.model.residual(jnp.asarray(u), inputs, 0.0, {}))


def study(law: str, published: str, repeats: int, refit: int) -> dict[str, Any]:
    """Everything about one truth."""
    began = time.perf_counter()
    record = LAWS[law]
    model = make_model(record, least_squares().kernel)
    setting = Setting(model, target_of(_TARGET, record), "c", _RUNS)
    theta = record.published[published]
    random = np.random.default_rng(0)
    with jax.enable_x64(True):
        u = np.array(
            [float(record.parameters[n].unconstrain(jnp.asarray(theta[n]))) for n in model.free]
        )
        pilot = jax.device_get(run_at(jnp.log(_PILOT[0]), jnp.log(_PILOT[1])))
    rows, p = len(pilot["N"]), len(u)
    noise = Noise(_NOISE, 0.0, np.log(_TARGET))
    past = PastRuns(pilot, np.ones(rows), noise, np.arange(rows), 0.0)
    truth = Knowledge(u[None], {}, noise, past)
    region = region_of(pilot, {}, _BUDGET)
    best = float(targets_at(setting, truth, u[None])[0])

    seen = _log_loss(setting, u, pilot) + _NOISE * random.standard_normal((repeats, rows))
    ends, _ = refits(setting, truth, pilot, seen, np.full(rows, _NOISE))
    left = seen - np.stack([_log_loss(setting, end, pilot) for end in ends])
    sd = np.sqrt(np.sum(left**2, 1) / (rows - p))
    fine = np.isfinite(targets_at(setting, truth, ends))
    ends, seen, sd = ends[fine], seen[fine], sd[fine]

    with jax.enable_x64(True):
        steps = random.standard_normal((len(ends), _DRAWS, p))
        draws = _draws(setting, truth, ends, sd, steps)
        found = [
            jax.device_get(_designs(setting, truth, region, draws, sd, share * _BUDGET))
            for share in _SHARES
        ]
        candidates = run_at_place(region, *grid(region, jnp.log(_BUDGET)))
        ours = np.stack(
            [
                np.asarray(_true_errors(setting, truth, candidates, one["runs"], one["used"]))
                for one in found
            ],
            1,
        )
        known_theta = jax.device_get(
            _designs(setting, truth, region, u[None, None], np.array([_NOISE]), _BUDGET)
        )
        best_error = float(
            _true_errors(setting, truth, candidates, known_theta["runs"], known_theta["used"])[0]
        )
    last = found[-1]
    grids = {}
    for name, (number, shape) in usual_grids(_RUNS).items():
        with jax.enable_x64(True):
            runs = jax.device_get(grid_for_money(shape, region, _BUDGET))
            error = float(judge(setting, truth, candidates, runs, jnp.ones(number, bool))[1][0])
        grids[name] = {"runs": number, "error": error, "inputs": runs}

    own = _end_to_end(setting, truth, seen, last["runs"], last["used"], random)
    stderr_t = ours[:, -1]
    counts = np.stack([one["used"].sum(1) for one in found], 1)
    half_widths = stdtrit(rows + counts - p, (1 + _LEVEL) / 2) * ours
    compared = {}
    for name, one in grids.items():
        same = {k: np.tile(v, (len(seen), 1)) for k, v in one["inputs"].items()}
        used = np.ones((len(seen), one["runs"]), bool)
        other = _end_to_end(setting, truth, seen, same, used, random)
        wanted = float(stdtrit(rows + one["runs"] - p, (1 + _LEVEL) / 2)) * one["error"]
        shares = np.array([_share_needed(row, wanted) for row in half_widths])
        compared[name] = {
            "runs": one["runs"],
            "stderr": one["error"],
            "variance_ratio": _range((one["error"] / stderr_t) ** 2),
            "money_share": [plain(x) for x in _range(shares, "nearest")],
            "end_to_end": _ratio(other - best, own - best, random),
        }

    middle = int(np.argsort(stderr_t)[len(stderr_t) // 2])
    used = last["used"][middle]
    runs = {k: np.concatenate([pilot[k], last["runs"][k][middle][used]]) for k in pilot}
    ends, _ = refits(
        setting,
        truth,
        runs,
        _log_loss(setting, u, runs) + _NOISE * random.standard_normal((refit, len(runs["N"]))),
        np.full(len(runs["N"]), _NOISE),
    )
    values = targets_at(setting, truth, ends)
    again = random.choice(values, (1000, refit))
    ratios = np.apply_along_axis(quantile_spread, 1, again, _LEVEL) / stderr_t[middle]
    total = rows + used.sum() - p
    return {
        "law": law,
        "set": published,
        "repeats": repeats,
        "dropped": int((~fine).sum()),
        "width": float(np.expm1(stdtrit(total, 0.975) * np.median(stderr_t))),
        "width_known_law": float(np.expm1(stdtrit(total, 0.975) * best_error)),
        "pilot_runs": rows,
        "grids": compared,
        "refits": refit,
        "spread_over_predicted": [
            quantile_spread(values, _LEVEL) / stderr_t[middle],
            *map(float, np.quantile(ratios, [0.025, 0.975])),
        ],
        "promised_over_true": _range(last["promised"] / stderr_t),
        "promised_over_true_known_noise": _range(last["promised"] / stderr_t * _NOISE / sd),
        "seconds": time.perf_counter() - began,
    }


def _end_to_end(
    setting: Setting, truth: Knowledge, seen: Any, runs: Any, used: Any, random: Any
) -> Any:
    """Log N* fitted to each pilot and the runs that followed it, (R,)."""
    count = int(used.sum(1).min())
    if used.sum(1).max() != count:
        raise RuntimeError("designs of different numbers of runs are not compared")
    kept = {k: np.stack([v[r][used[r]] for r in range(len(v))]) for k, v in runs.items()}
    inputs = [
        np.concatenate([np.tile(truth.past.runs[n], (len(seen), 1)), kept[n]], 1)
        for n in setting.model.law.inputs
    ]
    new = _log_loss(setting, truth.u[0], kept)
    new = new + _NOISE * random.standard_normal(new.shape)
    return _fit_each(setting, truth, inputs, np.concatenate([seen, new], 1))


def _share_needed(half_widths: Any, wanted: float) -> float:
    """Share of the budget for which we reach a half width of log N*; infinite if all does not."""
    return crossing(_SHARES, np.minimum.accumulate(half_widths), wanted)


def _range(values: Any, method: Any = "linear") -> list[float]:
    """Median, and quantiles that hold 95 %."""
    return [float(x) for x in np.quantile(values, [0.5, 0.025, 0.975], method=method)]


def _ratio(others: Any, ours: Any, random: Any) -> list[float]:
    """Ratio of mean squares, with a 95 % interval from common resamples."""
    far = np.log(1e3)  # an estimate without an optimum counts as wrong by a factor of a thousand
    a, b = (np.clip(np.nan_to_num(x, nan=far), -far, far) ** 2 for x in (others, ours))
    pick = random.integers(len(a), size=(2000, len(a)))
    ratios = a[pick].mean(1) / b[pick].mean(1)
    return [float(a.mean() / b.mean()), *map(float, np.quantile(ratios, [0.025, 0.975]))]


_TOP = f"""\
# Suggested runs against the usual grids

Written by `python benchmarks/design.py`.

**What was simulated.** A pilot of {len(_PILOT[0])} runs from {_PILOT[0][0]:.0e} to
{_PILOT[0][-1]:.0e} FLOP at 5, 20 and 80 tokens per parameter; losses of a published law with
{100 * _NOISE:g} % Gaussian noise; a least-squares fit. The next {_RUNS} runs may cost
{_BUDGET:.0e} FLOP in all; N* at {_TARGET:.0e} FLOP is to be known. Suggestions see the pilot's fit
only (its parameters, {_DRAWS} draws and its estimate of the noise). Grids are placed in the same
region (no smaller than the pilot, 2 to 200 tokens per parameter) and cost the same. Everything is
judged with the pilot included, at the true law.

- *variance*: variance of log N* after the grid over that after the suggested runs, same money;
  median over pilots, and the range that holds 95 % of them.
- *money*: share of the money for which suggested runs reach the width of the grid's interval, each
  with Student's t for its own number of runs. Suggestions are {_RUNS} runs at any money;
  {100 * _SHARES[0]:g} % is the least that was tried.
- *end to end*: the same ratio as *variance*, of squared errors of refits to simulated losses, with
  a 95 % interval. Estimates off by more than a factor 1000, or without an optimum, count as that.
"""


def page(studies: list[dict[str, Any]]) -> str:
    """The whole page."""
    parts = [_TOP]
    for one in studies:
        rows = [
            "| grid | runs | variance | money | end to end |",
            "| --- | --- | --- | --- | --- |",
        ]
        for name, row in one["grids"].items():
            cells = [
                _times(row["variance_ratio"]),
                _percent(row["money_share"]),
                _times(row["end_to_end"]),
            ]
            rows.append(f"| {name} | {row['runs']} | {' | '.join(cells)} |")
        low = one["spread_over_predicted"]
        parts.append(
            f"## {one['law']}, {one['set']}\n\n"
            + "\n".join(rows)
            + f"\n\n{one['repeats']} pilots, of which {one['dropped']} had no optimum at the "
            f"target and were left out. The suggested runs give N* to +{100 * one['width']:.1f} % "
            f"(95 %; median over pilots); runs chosen at the true law give "
            f"+{100 * one['width_known_law']:.1f} %.\n\n"
            f"Spread of {one['refits']} refits over the standard error predicted at the truth: "
            f"{low[0]:.3f} ({low[1]:.3f} to {low[2]:.3f}). Standard error promised from the pilot "
            f"over the one predicted at the truth: {_times(one['promised_over_true'])}; "
            f"{_times(one['promised_over_true_known_noise'])} if the noise is known and only the "
            f"law is estimated. {one['seconds']:.0f} s.\n"
        )
    return "\n".join(parts)


def _times(values: list[float]) -> str:
    return f"{values[0]:.2f} ({values[1]:.2f} to {values[2]:.2f})"


def _percent(values: list[float | None]) -> str:
    middle, low, high = ("> 100 %" if x is None else f"{100 * x:.2g} %" for x in values)
    return f"{middle} ({low} to {high})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    repeats, refit = (16, 200) if quick else (100, 4000)
    studies = []
    for law, published in _TRUTHS[: 1 if quick else None]:
        studies.append(study(law, published, repeats, refit))
        print(page(studies[-1:]), flush=True)
    if not quick:
        stored = {"environment": environment(), "studies": studies}
        (_RESULTS / "design.json").write_text(json.dumps(stored, indent=1) + "\n")
        (_RESULTS / "design.md").write_text(page(studies))


if __name__ == "__main__":
    main()

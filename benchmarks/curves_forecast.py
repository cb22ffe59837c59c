"""Forecasts of loss curves beside what was measured, on the public curves of arXiv:2503.12811.

    SCALEJAX_DATA=... python benchmarks/curves_forecast.py [--json out.json]

The first table forecasts the six schedules that the authors tested from the three that they fitted,
for each size, beside the published coefficients. The second forecasts each run's last part from its
first 50, 70 and 90 % of its schedule: alone, and beside the three fitted curves. The third leaves
out what the constants of `scalejax.curves.average` were chosen on: each fitted curve in turn.
Intervals are of 90 %, errors in nats; the loss of 25M ends near 3.3 and that of 100M near 3.0.
"""

import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from curves import logged_rates
from measuring import measure, parser, report

from scalejax.curve_fits import CurveForecast, forecast_curve
from scalejax.curves import LUO2025, multi_power_curve

_LEVEL = 0.9
_SHARES = (0.5, 0.7, 0.9)
_BEGUN = 0.1


def runs() -> dict[int, pd.DataFrame]:
    """The public curves by size in millions."""
    folder = Path(os.environ["SCALEJAX_DATA"]) / "multipowerlaw_25m_100m"
    table = pd.read_csv(folder / "multipowerlaw_25m_100m.csv")
    table = table.rename(columns={"schedule": "curve"})
    return {int(str(size)): of_size for size, of_size in table.groupby("model_size_M")}


def schedules_of(table: pd.DataFrame) -> dict[str, Any]:
    """The rates of each curve."""
    return {str(name): logged_rates(run) for name, run in table.groupby("curve")}


def scores(forecast: CurveForecast, observed: pd.DataFrame) -> pd.DataFrame:
    """Error, whether the interval held, and its half width, of each point."""
    both = forecast.points.merge(observed[["curve", "step", "loss"]], on=["curve", "step"])
    assert len(both) == len(observed)
    seen, off = both["loss_y"], (both["loss_x"] - both["loss_y"]).abs()
    held = (both["lo"] <= seen) & (seen <= both["hi"])
    half = (both["hi"] - both["lo"]) / 2
    return pd.DataFrame({"curve": both["curve"], "off": off, "held": held, "half": half})


def steps_of(table: pd.DataFrame) -> dict[str, Any]:
    """Steps of the points of each curve."""
    return {str(name): run["step"].to_numpy() for name, run in table.groupby("curve")}


def unseen() -> list[dict[str, Any]]:
    """The tested schedules from the fitted ones."""
    rows = []
    for size, table in runs().items():
        schedules = schedules_of(table)
        fitted = table["authors_split"] == "fit"
        train, test = table[fitted], table[~fitted]
        ask = partial(forecast_curve, train, schedules, at=steps_of(test), level=_LEVEL)
        forecast, timing = measure(ask, repeats=1)
        every = scores(forecast, test)
        for name, of_curve in [
            *every.groupby("curve"),
            ("mean of curves", None),
            ("points", every),
        ]:
            if of_curve is None:
                means = every.groupby("curve")[["off", "held", "half"]].mean().mean()
            else:
                means = of_curve[["off", "held", "half"]].mean()
            known = published(size, test, schedules, None if of_curve is None else of_curve)
            rows.append({"size": size, "curve": name, **row_of(means), "published": known})
        rows[-1] |= {"s": timing.wall, **{k: round(v, 3) for k, v in forecast.weights.items()}}
    return rows


def published(size: int, test: pd.DataFrame, schedules: Any, only: Any) -> float:
    """Mean absolute error of the coefficients that the authors fitted to the same three curves."""
    known = LUO2025[f"{size}M"]
    errors = {
        str(name): np.abs(
            np.asarray(multi_power_curve(schedules[name], run["step"].to_numpy(), **known))
            - run["loss"].to_numpy()
        )
        for name, run in test.groupby("curve")
    }
    if only is None:
        return float(np.mean([np.mean(x) for x in errors.values()]))
    return float(np.mean(np.concatenate([errors[name] for name in only["curve"].unique()])))


def ends() -> list[dict[str, Any]]:
    """The last part of each run from its first."""
    rows = []
    for size, table in runs().items():
        schedules = schedules_of(table)
        fitted = table[table["authors_split"] == "fit"]
        for share in _SHARES:
            for beside in (False, True):
                parts, finals = [], []
                for name, run in table.groupby("curve"):
                    begun = run["step"] <= share * run["total_steps"]
                    if begun.all():
                        continue
                    others = fitted[fitted["curve"] != name] if beside else fitted[:0]
                    given = pd.concat([others, run[begun]])
                    forecast = forecast_curve(
                        given, schedules, at=steps_of(run[~begun]), level=_LEVEL
                    )
                    parts.append(
                        scores(forecast, run[~begun]).assign(
                            fit=run["authors_split"].iloc[0] == "fit"
                        )
                    )
                    finals.append(parts[-1].iloc[[-1]])
                for kind, kept in (("all", slice(None)), ("tested", False), ("fitted", True)):
                    chosen = [
                        [
                            part
                            for part in group
                            if kept == slice(None) or part["fit"].iloc[0] == kept
                        ]
                        for group in (parts, finals)
                    ]
                    means, final = (
                        pd.DataFrame(
                            [part[["off", "held", "half"]].mean() for part in group]
                        ).mean()
                        for group in chosen
                    )
                    rows.append(
                        {
                            "size": size,
                            "seen": share,
                            "beside": "three curves" if beside else "nothing",
                            "runs": kind,
                            "count": len(chosen[0]),
                            **row_of(means),
                            **{f"final {key}": x for key, x in row_of(final).items()},
                        }
                    )
    return rows


def left_out() -> list[dict[str, Any]]:
    """Each fitted curve from the other two, without its first tenth."""
    rows = []
    for size, table in runs().items():
        schedules = schedules_of(table)
        fitted = table[table["authors_split"] == "fit"]
        for name, run in fitted.groupby("curve"):
            later = run[run["step"] >= _BEGUN * run["step"].max()]
            rest = fitted[fitted["curve"] != name]
            forecast = forecast_curve(rest, schedules, at=steps_of(later), level=_LEVEL)
            means = scores(forecast, later)[["off", "held", "half"]].mean()
            rows.append({"size": size, "curve": name, **row_of(means)})
    return rows


def row_of(means: Any) -> dict[str, float]:
    """Mean absolute error, share held and half width of a row."""
    return {"mae": float(means["off"]), "held": float(means["held"]), "half": float(means["half"])}


def main() -> None:
    """The command line."""
    given = parser(__doc__).parse_args()
    if "SCALEJAX_DATA" not in os.environ:
        sys.exit("this needs the folder of run tables in SCALEJAX_DATA")
    notes = ("90 % intervals; mae and half width in nats",)
    report(
        "Schedules that were tested, from the three that were fitted", unseen(), notes, given.json
    )
    report("The last part of a run from its first", ends(), notes, None)
    report("Each fitted curve from the other two: chosen on", left_out(), notes, None)


if __name__ == "__main__":
    main()

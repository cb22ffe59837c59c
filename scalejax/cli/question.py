"""``scalejax predict``, ``sensitivity`` and ``compare``: conclusions of saved fits, how firm."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scalejax.cli import options as o
from scalejax.cli import words
from scalejax.cli.cache import use_compilation_cache
from scalejax.cli.options import option
from scalejax.cli.results import draw_to
from scalejax.cli.talk import print_json, say_step, spoken_warnings
from scalejax.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from scalejax.fitting import Fit


def predict(
    folder: o.FitFolder,
    at: Annotated[list[str], option("Inputs of a planned run. Repeatable.", "N=70B,D=1.4T")],
    discrepancy: Annotated[
        str | None,
        option(
            "Believe the law, but for this share of a loss for each decade beyond the data: 0.005 "
            "is 0.5 %; none for all of it. [default: learn from the runs how far the law bends]"
        ),
    ] = None,
    level: o.Level = 0.95,
    law: o.OwnLaw = None,
    as_json: o.AsJson = False,
) -> None:
    """Predict the loss of planned runs, with intervals.

    loss, lo and hi are for one new run: they hold the error of the curve, the noise of a run, and
    how far the law may be wrong there, learnt from the runs or as you declare it; curve, curve_lo
    and curve_hi are of the law alone.
    """
    share = words.discrepancy(discrepancy)
    fit = _load(folder, law)
    points = words.points(at) or []
    for text, point in zip(at, points, strict=True):
        if point.keys() != {*fit.law.inputs}:
            raise UsageError(
                f"--at {text}: the inputs of {fit.law.name} are {', '.join(fit.law.inputs)}, such "
                f"as {','.join(f'{name}=70B' for name in fit.law.inputs)}. For the best model of a "
                "compute take scalejax plan."
            )
    columns = {name: [point[name] for point in points] for name in fit.law.inputs}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frame = fit.predict(columns, level, discrepancy=share)
    if as_json:
        print_json({"predictions": _records(frame)})
        return
    header = [*fit.law.inputs, "loss", "lo", "hi", "curve", "curve_lo", "curve_hi"]
    print(_text(frame[[*header, "decades_beyond"]]))
    method, size = frame["method"].iloc[0], frame["discrepancy"].iloc[0]
    if method == "forecast":
        method = (
            f"a new run's by the forecast (the law bends by about {100 * size:.2g} % of a loss), "
            "the curve's of the law alone"
        )
    print(f"\n{100 * level:g} % intervals: {method}.")


def sensitivity(
    folder: o.FitFolder,
    laws: o.Laws = None,
    at: o.At = None,
    rows: Annotated[int, option("Runs (or clusters) of largest influence to list.", min=0)] = 5,
    quick: Annotated[
        bool, option("Leave out the refits without single runs.", None, "--quick")
    ] = False,
    plot: o.Plot = None,
    level: o.Level = 0.95,
    law: o.OwnLaw = None,
    as_json: o.AsJson = False,
) -> None:
    """Show how far the conclusions of a fit move under other choices and without single runs.

    The choices are objectives, deltas and exclusions, and with --laws other laws.
    """
    fit = _load(folder, law)
    from scalejax.conclusions import conclude, describe_moves
    from scalejax.conclusions import influence as leave_out
    from scalejax.conclusions import sensitivity as vary

    rows = 0 if quick else rows
    what = conclude(fit, at=words.points(at))
    say_step("refitting under other choices")
    frame = vary(fit, what, laws=[words.law_of(name) for name in laws or []], level=level)
    if plot is not None:
        draw_to(plot, lambda plots: plots.plot_sensitivity(frame))
    if as_json:
        alone = [] if quick else _records(leave_out(fit, what))
        print_json({"variants": _records(frame), "influence": alone})
        return
    print("Refitted under other choices (change in standard errors):")
    print(_text(_by_variant(frame)))
    print("\nMoved most:")
    for sentence in describe_moves(frame):
        print(f"  {sentence}")
    if rows:
        say_step("refitting without each run")
        influential = leave_out(fit, what)
        print("\nLeft out one at a time, largest first (change in standard errors):")
        wide = influential.pivot_table(
            index="label", columns="conclusion", values="change_in_se", sort=False
        )
        print(_text(wide.reset_index().head(rows)))


def _by_variant(frame: "pd.DataFrame") -> "pd.DataFrame":
    """A row for each variant, with its estimate of every conclusion and how far that is off."""
    moves = zip(frame["estimate"].astype(float), frame["change_in_se"].astype(float), strict=True)
    cells = ["-" if value != value else f"{_number(value)} ({off:+.1f})" for value, off in moves]
    wide = frame.assign(cell=cells).pivot_table(
        index=["kind", "variant", "status"],
        columns="conclusion",
        values="cell",
        sort=False,
        aggfunc="first",
    )
    wide = wide.reset_index()
    status = wide.pop("status")
    return wide.assign(status=status)


def compare(
    first: o.FitFolder,
    second: Annotated[
        Path, typer.Argument(help="Folder of another fit of the same rows.", metavar="OTHER")
    ],
    at: o.At = None,
    level: o.Level = 0.95,
    law: o.OwnLaw = None,
    as_json: o.AsJson = False,
) -> None:
    """Compare the conclusions of two fits, with intervals from the resamples that they share."""
    from scalejax.conclusions import compare as pair

    fits = [_load(folder, law) for folder in (first, second)]
    frame = pair(fits[0], fits[1], at=words.points(at), level=level).reset_index()
    if as_json:
        print_json({"differences": _records(frame)})
        return
    print(_text(frame[["conclusion", "first", "second", "difference", "lo", "hi"]]))
    one = frame.iloc[0]
    print(f"\n{100 * level:g} % intervals, {one['method']}; {one['b_used']} of {one['b_asked']}.")


def _load(folder: Path, law: str | None) -> "Fit":
    use_compilation_cache()
    say_step(f"reading {folder}")
    with spoken_warnings(False):
        return words.fit_in(folder, law)


def _records(frame: "pd.DataFrame") -> list[dict[str, Any]]:
    """Rows as plain values; what is missing is null."""
    from scalejax.files import plain

    rows: list[dict[str, Any]] = plain(frame.to_dict("records"))
    return rows


def _text(frame: "pd.DataFrame") -> str:
    """A frame in columns, numbers short."""
    from scalejax.wording import aligned

    rows = [
        [_number(value) if isinstance(value, float) else str(value) for value in row]
        for row in frame.itertuples(index=False)
    ]
    return "\n".join(aligned([str(name) for name in frame.columns], rows))


def _number(value: float) -> str:
    from scalejax.quantities import short_number

    if value != value:
        return "-"
    return short_number(value) if abs(value) >= 1e4 else f"{value:.4g}"

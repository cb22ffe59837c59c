"""``scalejax forecast``: losses of larger runs, with intervals that hold where the law bends."""

from pathlib import Path
from typing import Annotated, Any

from scalejax.cli import options as o
from scalejax.cli import words
from scalejax.cli.cache import use_compilation_cache
from scalejax.cli.choices import OnBad
from scalejax.cli.options import option
from scalejax.cli.reductions import with_reductions
from scalejax.cli.talk import print_json, say, say_step, spoken_warnings

EXAMPLES = """\b
For example:
  scalejax forecast runs.csv --at N=70B,D=1.4T
  scalejax forecast runs.csv --run model --by family --at N=7B,D=140B --at N=70B,D=1.4T
  scalejax forecast runs.csv --at N=70B,D=1.4T --out forecasts/mine
  scalejax forecast runs.csv --law kumar2024 --at N=3B,D=60B,P_w=4,P_a=8,P_kv=16
"""


@with_reductions
def forecast(
    runs: o.Runs,
    at: Annotated[list[str], option("A run to come. Repeatable.", "N=70B,D=1.4T")],
    law: Annotated[
        str | None,
        option(
            "Law inside (scalejax laws lists them), or your own, file.py:name, whose code is run. "
            "[default: "
            "Chinchilla's with an outer exponent, as the field knows it; a power law with a floor "
            "for N, D, C or step alone]",
            callback=o.check_law,
        ),
    ] = None,
    priors: Annotated[
        list[str] | None,
        option(
            "What you know of a parameter: the range of nine in ten values, as alpha=0.3:0.4. "
            "Repeatable.",
            "NAME=LOW:HIGH",
        ),
    ] = None,
    by: o.By = None,
    run: o.OneRun = None,
    columns: o.Columns = None,
    units: o.Units = None,
    mapping: o.Mapping = None,
    loss_unit: o.LossUnit = None,
    derive: o.Derive = None,
    flop_per_token: o.FlopPerToken = None,
    exclude: o.Exclude = None,
    on_bad: o.OnBadRows = OnBad.RAISE,
    level: o.Level = 0.95,
    seed: o.Seed = 0,
    out: Annotated[
        Path | None, option("Save the forecast in this folder, for show and plan.", "FOLDER")
    ] = None,
    csv: o.Csv = None,
    as_json: o.AsJson = False,
    quiet: o.Quiet = False,
    **reductions: Any,
) -> None:
    """Forecast the losses of larger runs from a table of runs.

    The interval is of a new run: it holds the uncertainty of the law's parameters, how far the law
    bends, and the noise of a run. The largest runs of the table are predicted from the rest first,
    to show what such a forecast was worth here.
    """
    use_compilation_cache()
    say_step("forecasting", quiet)
    # Imported here: JAX and pandas take a second, which --help should not.
    from scalejax.forecasting import check_folder
    from scalejax.forecasting import forecast as foresee

    if out is not None:
        check_folder(out)
    with spoken_warnings(quiet):
        answer = foresee(
            words.data_of(runs),
            at=[words.point("at", text) for text in at],
            law=None if law is None else words.law_of(law),
            priors=words.ranges("priors", priors) or None,
            by=by,
            level=level,
            seed=seed,
            **words.table_options(
                columns=columns, units=units, mapping=mapping, derive=derive, exclude=exclude,
                on_bad=on_bad, run=run, loss_unit=loss_unit, flop_per_token=flop_per_token,
                **reductions,
            ),
        )  # fmt: skip
    if out is not None:
        answer.save(out)
        if not quiet:
            say(f"saved {out}")
    if csv is not None:
        from scalejax.data import to_csv

        to_csv(answer.to_frame(), csv)
    print_json(answer.to_dict()) if as_json else print(answer.summary())

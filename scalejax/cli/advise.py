"""``scalejax advise``: what published advice is worth on a table of runs."""

from typing import Annotated, Any

from scalejax.cli import options as o
from scalejax.cli import words
from scalejax.cli.cache import use_compilation_cache
from scalejax.cli.choices import OnBad
from scalejax.cli.options import option
from scalejax.cli.reductions import with_reductions
from scalejax.cli.talk import print_json, say_step, spoken_warnings

EXAMPLES = """\b
For example:
  scalejax advise runs.csv --run model
  scalejax advise runs.csv --run model --by family --at N=70B,D=1.4T
  scalejax advise plan.csv --plan                    # runs that have no losses yet
  scalejax advise runs.csv --run model --dry-run     # how many laws it takes, and how long
"""


@with_reductions
def advise(
    runs: o.Runs,
    law: o.Law = None,
    run: o.OneRun = None,
    by: o.By = None,
    at: o.OneRunAt = None,
    plan: Annotated[
        bool, option("The file holds runs still to be trained; no losses needed.", None, "--plan")
    ] = False,
    dry_run: o.DryRun = False,
    columns: o.Columns = None,
    units: o.Units = None,
    mapping: o.Mapping = None,
    exclude: o.Exclude = None,
    on_bad: o.OnBadRows = OnBad.RAISE,
    level: o.Level = 0.95,
    as_json: o.AsJson = False,
    quiet: o.Quiet = False,
    **reductions: Any,
) -> None:
    """Say which published recommendations apply to these runs, and what each is worth on them.

    Each size from the fourth up is held out in turn and predicted from the smaller ones. With --by
    every family is judged by itself.
    """
    use_compilation_cache()
    say_step("judging the advice", quiet)
    # Imported here: JAX and pandas take a second, which --help should not.
    from scalejax.advice import advise as judge
    from scalejax.advice import workload

    options: dict[str, Any] = words.table_options(
        columns=columns,
        units=units,
        mapping=mapping,
        exclude=exclude,
        on_bad=on_bad,
        run=run,
        **reductions,
    )
    options |= {"law": words.law_of(law or "chinchilla"), "by": by, "plan": plan}
    data, point = words.data_of(runs), None if at is None else words.point("at", at)
    with spoken_warnings(quiet):
        if dry_run:
            cost = workload(data, **options)
            print_json(vars(cost)) if as_json else print(cost.summary())
            return
        advice = judge(data, at=point, level=level, **options)
    print_json(advice.to_dict()) if as_json else print(advice.summary())

"""scalejax: scaling laws in JAX. Thousands of global fits at a time, each with a certified status.

    import scalejax as sj

    runs = sj.datasets.load("golden36")
    fit = sj.fit(runs, law="chinchilla", resamples=1000)
    print(fit.summary())
    fit.predict({"N": 7e10, "D": 1.4e12})

- `fit`, `fit_many`: a table of runs in, laws out (`scalejax.fitting`).
- `fit_arrays`: the same fit as a pure, differentiable JAX function (`scalejax.engine.array_fit`).
- `plan`: a fit and a question in, what to train out (`scalejax.planning`); any other decision is a
  `scalejax.optima.Problem`, and `scalejax.costs` counts what it costs.
- `design_runs`: which runs to train next, and how much they will tell (`scalejax.designing`).
- `pool`, `borrow`: families that share strength, or lend parameters (`scalejax.pooling`).
- `select`: several laws on the same runs, by what they extrapolate to (`scalejax.selection`).
- `run_study`: a thousand laws as one resumable job (`scalejax.studies`).
- `advise`: what published advice is worth on your runs (`scalejax.advice`).
- `curves`, `curve_fits`: learning-rate schedules, loss curves along them, and their fits.
- `law`, `Positive`, `Real`, `UnitInterval`: write a law of your own (`scalejax.laws.law`).
- `huber`, `student_t`, `least_squares`, `absolute`, `custom`: what is minimised
  (`scalejax.objectives.losses`).

Names are imported when first used, so that importing scalejax costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scalejax import costs as costs
    from scalejax import curve_fits as curve_fits
    from scalejax import curves as curves
    from scalejax import datasets as datasets
    from scalejax import isoflop as isoflop
    from scalejax import optima as optima
    from scalejax import plots as plots
    from scalejax.advice import Advice as Advice
    from scalejax.advice import advise as advise
    from scalejax.bayes import Posterior as Posterior
    from scalejax.bayes import posterior as posterior
    from scalejax.conclusions import Conclusions as Conclusions
    from scalejax.conclusions import Identifiability as Identifiability
    from scalejax.conclusions import Profile as Profile
    from scalejax.conclusions import compare as compare
    from scalejax.conclusions import conclude as conclude
    from scalejax.conclusions import design_identifiability as design_identifiability
    from scalejax.conclusions import identifiability as identifiability
    from scalejax.conclusions import influence as influence
    from scalejax.conclusions import largest_moves as largest_moves
    from scalejax.conclusions import profile as profile
    from scalejax.conclusions import sensitivity as sensitivity
    from scalejax.data import Table as Table
    from scalejax.data import load_table as load_table
    from scalejax.designing import Design as Design
    from scalejax.designing import design_runs as design_runs
    from scalejax.engine import ArrayFit as ArrayFit
    from scalejax.engine import fit_arrays as fit_arrays
    from scalejax.errors import DataWarning as DataWarning
    from scalejax.errors import FitWarning as FitWarning
    from scalejax.errors import InputError as InputError
    from scalejax.errors import LawError as LawError
    from scalejax.errors import ScalejaxError as ScalejaxError
    from scalejax.errors import UsageError as UsageError
    from scalejax.fitting import Fit as Fit
    from scalejax.fitting import fit as fit
    from scalejax.fitting import fit_many as fit_many
    from scalejax.fitting import load_fit as load_fit
    from scalejax.fitting import reproduce as reproduce
    from scalejax.laws import LAWS as LAWS
    from scalejax.laws import Law as Law
    from scalejax.laws import Positive as Positive
    from scalejax.laws import Real as Real
    from scalejax.laws import UnitInterval as UnitInterval
    from scalejax.laws import find_law as find_law
    from scalejax.laws import formula_law as formula_law
    from scalejax.laws import law as law
    from scalejax.objectives import LogNormal as LogNormal
    from scalejax.objectives import Normal as Normal
    from scalejax.objectives import Objective as Objective
    from scalejax.objectives import absolute as absolute
    from scalejax.objectives import custom as custom
    from scalejax.objectives import huber as huber
    from scalejax.objectives import least_squares as least_squares
    from scalejax.objectives import student_t as student_t
    from scalejax.planning import Plan as Plan
    from scalejax.planning import Question as Question
    from scalejax.planning import frontier as frontier
    from scalejax.planning import plan as plan
    from scalejax.pooling import Pooled as Pooled
    from scalejax.pooling import borrow as borrow
    from scalejax.pooling import pool as pool
    from scalejax.selection import Selection as Selection
    from scalejax.selection import select as select
    from scalejax.status import Outcome as Outcome
    from scalejax.status import Status as Status
    from scalejax.studies import Recipe as Recipe
    from scalejax.studies import Study as Study
    from scalejax.studies import StudyResult as StudyResult
    from scalejax.studies import resume_study as resume_study
    from scalejax.studies import run_study as run_study
    from scalejax.studies import subset_grid as subset_grid

_HOME = {
    name: f"scalejax.{room}"
    for room, names in {
        "advice": "Advice advise",
        "bayes": "Posterior posterior",
        "conclusions": "Conclusions Identifiability Profile compare conclude design_identifiability"
        " identifiability influence largest_moves profile sensitivity",
        "data": "Table load_table",
        "designing": "Design design_runs",
        "engine": "ArrayFit fit_arrays",
        "errors": "DataWarning FitWarning InputError LawError ScalejaxError UsageError",
        "fitting": "Fit fit fit_many load_fit reproduce",
        "laws": "LAWS Law Positive Real UnitInterval find_law formula_law law",
        "objectives": "LogNormal Normal Objective absolute custom huber least_squares student_t",
        "planning": "Plan Question frontier plan",
        "pooling": "Pooled borrow pool",
        "selection": "Selection select",
        "status": "Outcome Status",
        "studies": "Recipe Study StudyResult resume_study run_study subset_grid",
    }.items()
    for name in names.split()
}
_MODULES = ("costs", "curve_fits", "curves", "datasets", "isoflop", "optima", "plots")

__all__ = sorted([*_HOME, *_MODULES])


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"scalejax.{name}")
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'scalejax' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *__all__]

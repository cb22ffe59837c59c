"""scalejax: scaling laws in JAX. Thousands of global fits at a time, each with a certified status.

    import scalejax as sj

    runs = sj.datasets.load("golden36")
    fit = sj.fit(runs)
    print(fit)
    fit.predict({"N": 7e10, "D": 1.4e12})

- `check`: what is in a table, what is odd about it, what can be fitted and what to call next.
- `fit`, `fit_many`: a table of runs in, laws out. `load_fit`, `load_forecast`, `load_plan`,
  `reproduce`: a saved one again.
- `fit_arrays`: the same fit as a pure, differentiable JAX function.
- `forecast`: losses of larger runs, with intervals that the law's own error is part of.
  `forecast_many`: those of many fits.
- `posterior`, `profile`, `influence`, `sensitivity`, `compare`, `identifiability`: how far to trust
  a fit.
- `plan`: a fit and a question in, what to train out; any other decision is a `optima.Problem`, and
  `costs` counts what it costs. `frontier`: the plan along a growing budget.
- `design`: which runs to train next, and how much they will tell.
- `pool`, `borrow`: families that share strength, or lend parameters.
- `select`: several laws on the same runs, by what they extrapolate to.
- `study`, `resume`: a thousand laws as one resumable job.
- `advise`: what published advice is worth on your runs.
- `report`: one HTML file about a fit. `page`: one that answers "what if" of a decision.
- `keep_programs`: keep what is compiled, so that the next process need not compile it.
- `law`, `formula_law`, `Positive`, `Real`, `UnitInterval`: a law of your own.
- `huber`, `student_t`, `least_squares`, `absolute`: what is minimised.

Everything else is in its room: `scalejax.laws`, `scalejax.objectives`, `scalejax.planning`
and so on, which `dir(scalejax)` lists. Names are imported when first used, so that importing
scalejax costs next to nothing.
"""

from importlib import import_module
from importlib.metadata import version as _version
from sys import modules as _modules
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scalejax import advice as advice
    from scalejax import bayes as bayes
    from scalejax import conclusions as conclusions
    from scalejax import costs as costs
    from scalejax import curve_fits as curve_fits
    from scalejax import curves as curves
    from scalejax import data as data
    from scalejax import datasets as datasets
    from scalejax import designing as designing
    from scalejax import engine as engine
    from scalejax import errors as errors
    from scalejax import fitting as fitting
    from scalejax import forecasting as forecasting
    from scalejax import identify as identify
    from scalejax import isoflop as isoflop
    from scalejax import laws as laws
    from scalejax import objectives as objectives
    from scalejax import optima as optima
    from scalejax import pages as pages
    from scalejax import planning as planning
    from scalejax import plots as plots
    from scalejax import pooling as pooling
    from scalejax import quantities as quantities
    from scalejax import reporting as reporting
    from scalejax import resampling as resampling
    from scalejax import selection as selection
    from scalejax import solvers as solvers
    from scalejax import status as status
    from scalejax import studies as studies
    from scalejax.advice import advise as advise
    from scalejax.bayes import posterior as posterior
    from scalejax.conclusions import compare as compare
    from scalejax.conclusions import identifiability as identifiability
    from scalejax.conclusions import influence as influence
    from scalejax.conclusions import profile as profile
    from scalejax.conclusions import sensitivity as sensitivity
    from scalejax.data import Table as Table
    from scalejax.data import load_table as load_table
    from scalejax.designing import design as design
    from scalejax.engine import fit_arrays as fit_arrays
    from scalejax.errors import DataWarning as DataWarning
    from scalejax.errors import FitWarning as FitWarning
    from scalejax.errors import InputError as InputError
    from scalejax.errors import LawError as LawError
    from scalejax.errors import ScalejaxError as ScalejaxError
    from scalejax.errors import UsageError as UsageError
    from scalejax.fitting import Fit as Fit
    from scalejax.fitting import check as check
    from scalejax.fitting import fit as fit
    from scalejax.fitting import fit_many as fit_many
    from scalejax.fitting import forecast_many as forecast_many
    from scalejax.fitting import load_fit as load_fit
    from scalejax.fitting import reproduce as reproduce
    from scalejax.forecasting import forecast as forecast
    from scalejax.forecasting import load_forecast as load_forecast
    from scalejax.laws import LAWS as LAWS
    from scalejax.laws import Law as Law
    from scalejax.laws import Positive as Positive
    from scalejax.laws import Real as Real
    from scalejax.laws import UnitInterval as UnitInterval
    from scalejax.laws import find_law as find_law
    from scalejax.laws import formula_law as formula_law
    from scalejax.laws import law as law
    from scalejax.objectives import absolute as absolute
    from scalejax.objectives import huber as huber
    from scalejax.objectives import least_squares as least_squares
    from scalejax.objectives import student_t as student_t
    from scalejax.pages import page as page
    from scalejax.planning import frontier as frontier
    from scalejax.planning import load_plan as load_plan
    from scalejax.planning import plan as plan
    from scalejax.pooling import borrow as borrow
    from scalejax.pooling import pool as pool
    from scalejax.programs import keep_programs as keep_programs
    from scalejax.reporting import report as report
    from scalejax.selection import select as select
    from scalejax.status import Status as Status
    from scalejax.studies import Recipe as Recipe
    from scalejax.studies import Study as Study
    from scalejax.studies import resume as resume
    from scalejax.studies import study as study

_HOME = {
    name: f"scalejax.{room}"
    for room, names in {
        "advice": "advise",
        "bayes": "posterior",
        "conclusions": "compare identifiability influence profile sensitivity",
        "data": "Table load_table",
        "designing": "design",
        "engine": "fit_arrays",
        "errors": "DataWarning FitWarning InputError LawError ScalejaxError UsageError",
        "fitting": "Fit check fit fit_many forecast_many load_fit reproduce",
        "forecasting": "forecast load_forecast",
        "laws": "LAWS Law Positive Real UnitInterval find_law formula_law law",
        "objectives": "absolute huber least_squares student_t",
        "pages": "page",
        "planning": "frontier load_plan plan",
        "pooling": "borrow pool",
        "programs": "keep_programs",
        "reporting": "report",
        "selection": "select",
        "status": "Status",
        "studies": "Recipe Study resume study",
    }.items()
    for name in names.split()
}
_ROOMS = (
    *("advice", "bayes", "conclusions", "costs", "curve_fits", "curves", "data"),
    *("datasets", "designing", "engine", "errors", "fitting", "forecasting", "identify", "isoflop"),
    *("laws", "objectives", "optima", "pages", "planning", "plots", "pooling", "quantities"),
    *("reporting", "resampling", "selection", "solvers", "status", "studies"),
)
_MOVED = {
    "Advice": "advice.Advice",
    "Posterior": "bayes.Posterior",
    "Conclusions": "conclusions.Conclusions",
    "Identifiability": "conclusions.Identifiability",
    "Profile": "conclusions.Profile",
    "conclude": "conclusions.conclude",
    "design_identifiability": "conclusions.design_identifiability",
    "largest_moves": "conclusions.largest_moves",
    "Design": "designing.Design",
    "design_runs": "design",
    "ArrayFit": "engine.ArrayFit",
    "LogNormal": "objectives.LogNormal",
    "Normal": "objectives.Normal",
    "Objective": "objectives.Objective",
    "custom": "objectives.custom",
    "Plan": "planning.Plan",
    "Question": "planning.Question",
    "Pooled": "pooling.Pooled",
    "Selection": "selection.Selection",
    "Outcome": "status.Outcome",
    "StudyResult": "studies.StudyResult",
    "run_study": "study",
    "resume_study": "resume",
    "subset_grid": "studies.subset_grid",
}
"""Names that were here, and where they are; they work for one more release."""

__all__ = sorted([*_HOME, *_ROOMS])


def __getattr__(name: str) -> object:
    if name == "__version__":
        return _version("scalejax")
    if name in _ROOMS:
        return import_module(f"scalejax.{name}")
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    if name in _MOVED:
        return _moved(name)
    # With its name and place Python itself says the nearest name that there is.
    raise AttributeError(
        f"module 'scalejax' has no attribute {name!r}", name=name, obj=_modules["scalejax"]
    )


def _moved(name: str) -> object:
    from scalejax.keywords import warn_of_new_name

    room, _, inside = _MOVED[name].rpartition(".")
    warn_of_new_name(f"scalejax.{name}", f"scalejax.{_MOVED[name]}", level=3)
    return getattr(import_module(f"scalejax.{room}") if room else import_module("scalejax"), inside)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]

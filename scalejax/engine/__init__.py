"""How problems are solved: any number of them as one batch, each at its certified global optimum.

A law, an objective and the rows of a table are a `Problem`; an `Engine` solves it from many starts
for many tables and resamples at once. Nothing here knows of frames, files or text for people.

| module | when |
| --- | --- |
| `problem`, `arguments` | what is minimised over which rows, and how; what callers may pass |
| `gate` | what is refused before anything is solved |
| `refit` | the estimate, its resamples, and what is tried again: the one way for all who refit |
| `array_fit` | the same fit as a pure, differentiable function of arrays |
| `resamples` | which resamples suit a table, and their arrays |
| `asymptotics` | a problem linearised at its solution: covariances |
| `engine`, `chunk`, `arrays`, `layout` | batches on devices: host loop, compiled program, shapes |
| `starts`, `candidates`, `derivatives`, `certificate` | the pieces of the compiled program |
"""

from scalejax.engine.arguments import (
    ObjectiveLike,
    Solver,
    as_how,
    as_objective,
    check_priors,
    check_signs,
    checked_count,
    target_of,
)
from scalejax.engine.array_fit import ArrayFit, fit_arrays
from scalejax.engine.arrays import HostTable, make_box, stack
from scalejax.engine.asymptotics import Asymptotics, CovarianceKind, asymptotics
from scalejax.engine.engine import DRAW_TOLERANCE, HINT, POINT_TOLERANCE, Ends, Engine, Progress
from scalejax.engine.gate import (
    design_of,
    inputs_at_rest,
    left_open,
    refuse_bounds,
    refuse_broken,
    refuse_unidentified,
)
from scalejax.engine.layout import Layout, default_layout
from scalejax.engine.problem import How, Problem, host_table, make_engine
from scalejax.engine.refit import Refits, Resampling, estimate, refit_weights, refits
from scalejax.engine.resamples import (
    FEW_CLUSTERS,
    FEWEST_CLUSTERS,
    GIVEN,
    SMALL_SAMPLE,
    Resamples,
    choose_resampling,
    given_weights,
)

__all__ = [
    "DRAW_TOLERANCE",
    "FEWEST_CLUSTERS",
    "FEW_CLUSTERS",
    "GIVEN",
    "HINT",
    "POINT_TOLERANCE",
    "SMALL_SAMPLE",
    "ArrayFit",
    "Asymptotics",
    "CovarianceKind",
    "Ends",
    "Engine",
    "HostTable",
    "How",
    "Layout",
    "ObjectiveLike",
    "Problem",
    "Progress",
    "Refits",
    "Resamples",
    "Resampling",
    "Solver",
    "as_how",
    "as_objective",
    "asymptotics",
    "check_priors",
    "check_signs",
    "checked_count",
    "choose_resampling",
    "default_layout",
    "design_of",
    "estimate",
    "fit_arrays",
    "given_weights",
    "host_table",
    "inputs_at_rest",
    "left_open",
    "make_box",
    "make_engine",
    "refit_weights",
    "refits",
    "refuse_bounds",
    "refuse_broken",
    "refuse_unidentified",
    "stack",
    "target_of",
]

"""How problems are solved: any number of them as one batch, each at its certified global optimum.

A law, an objective and the rows of a table are a `FitProblem`; an `Engine` solves it from many
starts, for many tables and resamples at once. Nothing here knows of frames or files.

| module | when |
| --- | --- |
| `fit_problem`, `arguments` | what is minimised over which rows, and how; what callers may pass |
| `gate` | what is refused before anything is solved |
| `refit` | the estimate and its resamples, with second tries: the one way for all who refit |
| `array_fit` | the same fit as a pure, differentiable function of arrays |
| `resamples` | which resamples suit a table, and their arrays |
| `asymptotics` | a problem linearised at its solution: covariances |
| `engine`, `chunk`, `arrays`, `layout` | batches on devices: host loop, compiled program, shapes |
| `attempt`, `ends`, `compiling` | what is tried, where it ended; each program compiled once |
| `starts`, `start_candidates`, `derivatives`, `certificate` | the pieces of the compiled program |
"""

from scalejax.engine.arguments import ObjectiveLike as ObjectiveLike
from scalejax.engine.arguments import Solver as Solver
from scalejax.engine.arguments import as_how as as_how
from scalejax.engine.arguments import as_objective as as_objective
from scalejax.engine.arguments import check_priors as check_priors
from scalejax.engine.arguments import check_signs as check_signs
from scalejax.engine.arguments import checked_count as checked_count
from scalejax.engine.arguments import target_of as target_of
from scalejax.engine.array_fit import ArrayFit as ArrayFit
from scalejax.engine.array_fit import fit_arrays as fit_arrays
from scalejax.engine.arrays import HostTable as HostTable
from scalejax.engine.arrays import make_box as make_box
from scalejax.engine.arrays import stack as stack
from scalejax.engine.asymptotics import Asymptotics as Asymptotics
from scalejax.engine.asymptotics import CovarianceKind as CovarianceKind
from scalejax.engine.asymptotics import asymptotics as asymptotics
from scalejax.engine.ends import Ends as Ends
from scalejax.engine.engine import DRAW_TOLERANCE as DRAW_TOLERANCE
from scalejax.engine.engine import HINT as HINT
from scalejax.engine.engine import NEWTON_STEPS as NEWTON_STEPS
from scalejax.engine.engine import POINT_TOLERANCE as POINT_TOLERANCE
from scalejax.engine.engine import Engine as Engine
from scalejax.engine.engine import Progress as Progress
from scalejax.engine.fit_problem import FitProblem as FitProblem
from scalejax.engine.fit_problem import How as How
from scalejax.engine.fit_problem import host_table as host_table
from scalejax.engine.fit_problem import make_engine as make_engine
from scalejax.engine.gate import design_problems as design_problems
from scalejax.engine.gate import inert_inputs as inert_inputs
from scalejax.engine.gate import open_parameters as open_parameters
from scalejax.engine.gate import refuse_bounds as refuse_bounds
from scalejax.engine.gate import refuse_broken as refuse_broken
from scalejax.engine.gate import refuse_unidentified as refuse_unidentified
from scalejax.engine.gate import run_set_of as run_set_of
from scalejax.engine.layout import Layout as Layout
from scalejax.engine.layout import default_layout as default_layout
from scalejax.engine.refit import Refits as Refits
from scalejax.engine.refit import Resampling as Resampling
from scalejax.engine.refit import estimate as estimate
from scalejax.engine.refit import refit_weights as refit_weights
from scalejax.engine.refit import refits as refits
from scalejax.engine.resamples import CALLER_WEIGHTS as CALLER_WEIGHTS
from scalejax.engine.resamples import FEW_CLUSTERS as FEW_CLUSTERS
from scalejax.engine.resamples import FEWEST_CLUSTERS as FEWEST_CLUSTERS
from scalejax.engine.resamples import SMALL_SAMPLE as SMALL_SAMPLE
from scalejax.engine.resamples import Resamples as Resamples
from scalejax.engine.resamples import choose_resampling as choose_resampling
from scalejax.engine.resamples import weight_resamples as weight_resamples

"""What people hold: fits, their intervals, predictions, summaries and files.

`fit` for one table, `fit_many` for many groups; `load_fit` and `reproduce` for a saved one. A
`Fit` is its numbers (`scalejax.fitting.record`) with everything that can be asked of them.
"""

from scalejax.fitting.asked_point import WIDE as WIDE
from scalejax.fitting.asked_point import about_point as about_point
from scalejax.fitting.asked_point import is_wide as is_wide
from scalejax.fitting.asked_point import narrowing as narrowing
from scalejax.fitting.caveats import failed_share as failed_share
from scalejax.fitting.caveats import for_and_against as for_and_against
from scalejax.fitting.check import Check as Check
from scalejax.fitting.check import check as check
from scalejax.fitting.checklist import CHECKLIST as CHECKLIST
from scalejax.fitting.checklist import QUESTIONS as QUESTIONS
from scalejax.fitting.fit import Fit as Fit
from scalejax.fitting.fit import load_fit as load_fit
from scalejax.fitting.intervals import MOST_FAILED as MOST_FAILED
from scalejax.fitting.intervals import IntervalKind as IntervalKind
from scalejax.fitting.intervals import default_kind as default_kind
from scalejax.fitting.intervals import method_name as method_name
from scalejax.fitting.judgement import Caveat as Caveat
from scalejax.fitting.judgement import Judgement as Judgement
from scalejax.fitting.judgement import judged as judged
from scalejax.fitting.make import fit as fit
from scalejax.fitting.make import fit_many as fit_many
from scalejax.fitting.manifest import read_about as read_about
from scalejax.fitting.outlook import about_backtest as about_backtest
from scalejax.fitting.outlook import forecast_many as forecast_many
from scalejax.fitting.outlook import larger_runs as larger_runs
from scalejax.fitting.outlook import law_inside as law_inside
from scalejax.fitting.outlook import unforeseeable as unforeseeable
from scalejax.fitting.outlook import unforeseeable_rows as unforeseeable_rows
from scalejax.fitting.outlook import usual_inside as usual_inside
from scalejax.fitting.plain import describe as describe
from scalejax.fitting.plain import describe_objective as describe_objective
from scalejax.fitting.plain import describe_rows as describe_rows
from scalejax.fitting.plain import objective_of as objective_of
from scalejax.fitting.plain import rows_to_arrow as rows_to_arrow
from scalejax.fitting.plain import table_of as table_of
from scalejax.fitting.prediction import DISCREPANCIES as DISCREPANCIES
from scalejax.fitting.prediction import FAR as FAR
from scalejax.fitting.prediction import NO_DISCREPANCY as NO_DISCREPANCY
from scalejax.fitting.prediction import decades_beyond as decades_beyond
from scalejax.fitting.record import Draws as Draws
from scalejax.fitting.reproduction import Reproduction as Reproduction
from scalejax.fitting.reproduction import reproduce as reproduce
from scalejax.fitting.storage import MANIFEST as MANIFEST
from scalejax.fitting.storage import check_folder as check_folder
from scalejax.fitting.summary import summarise as summarise
from scalejax.fitting.warn import warn_about_data as warn_about_data

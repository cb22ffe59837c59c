"""What people hold: fits, their intervals, predictions, summaries and files.

`fit` for one table, `fit_many` for many groups; `load_fit` and `reproduce` for a saved one. A
`Fit` is its numbers (`scalejax.fitting.record`) with everything that can be asked of them.
"""

from scalejax.fitting.checklist import CHECKLIST, QUESTIONS
from scalejax.fitting.fit import Fit, load_fit
from scalejax.fitting.intervals import MOST_FAILED, Derived, IntervalKind, default_kind, method_name
from scalejax.fitting.make import fit, fit_many
from scalejax.fitting.manifest import read_about
from scalejax.fitting.plain import (
    describe,
    describe_law,
    describe_objective,
    describe_rows,
    law_of,
    objective_of,
    rows_to_arrow,
    table_of,
)
from scalejax.fitting.prediction import DISCREPANCIES, FAR, decades_beyond
from scalejax.fitting.record import Draws
from scalejax.fitting.reproduction import Reproduction, reproduce
from scalejax.fitting.storage import MANIFEST, check_folder
from scalejax.fitting.warn import warn_about_data

__all__ = [
    "CHECKLIST",
    "DISCREPANCIES",
    "FAR",
    "MANIFEST",
    "MOST_FAILED",
    "QUESTIONS",
    "Derived",
    "Draws",
    "Fit",
    "IntervalKind",
    "Reproduction",
    "check_folder",
    "decades_beyond",
    "default_kind",
    "describe",
    "describe_law",
    "describe_objective",
    "describe_rows",
    "fit",
    "fit_many",
    "law_of",
    "load_fit",
    "method_name",
    "objective_of",
    "read_about",
    "reproduce",
    "rows_to_arrow",
    "table_of",
    "warn_about_data",
]

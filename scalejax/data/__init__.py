"""Tables of training runs: read strictly, checked on the host, kept with every row's fate.

`load_table` turns a file or frame into a checked `Table`; `inspect_table` says all that is wrong or
odd about one, for a `Request`; `read_frame` gives the raw cells.
"""

from scalejax.data.checks import problem_at
from scalejax.data.columns import column_problems, found_columns, match_column, normalised
from scalejax.data.design import distinct_values
from scalejax.data.examples import golden36
from scalejax.data.export import to_csv
from scalejax.data.joining import SEPARATOR, group_by, join_groups
from scalejax.data.load import Inspection, inspect_table, load_table
from scalejax.data.numbers import parse_column, parse_number
from scalejax.data.reader import STDIN, read_frame, source_name
from scalejax.data.relations import refuse_changing_runs
from scalejax.data.request import Request
from scalejax.data.table import SetAside, Table, encode_labels, read_only

__all__ = [
    "SEPARATOR",
    "STDIN",
    "Inspection",
    "Request",
    "SetAside",
    "Table",
    "column_problems",
    "distinct_values",
    "encode_labels",
    "found_columns",
    "golden36",
    "group_by",
    "inspect_table",
    "join_groups",
    "load_table",
    "match_column",
    "normalised",
    "parse_column",
    "parse_number",
    "problem_at",
    "read_frame",
    "read_only",
    "refuse_changing_runs",
    "source_name",
    "to_csv",
]

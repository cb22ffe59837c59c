"""Tables of training runs: read strictly, checked on the host, kept with every row's fate.

`load_table` turns a file or frame into a checked `Table`; `inspect_table` says all that is wrong or
odd about one, for a `Request`; `read_frame` gives the raw cells.
"""

from scalejax.data.load import Inspection, inspect_table, load_table
from scalejax.data.reader import read_frame
from scalejax.data.request import Request
from scalejax.data.table import SetAside, Table

__all__ = [
    "Inspection",
    "Request",
    "SetAside",
    "Table",
    "inspect_table",
    "load_table",
    "read_frame",
]

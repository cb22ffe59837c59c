"""Tables of training runs: read strictly, checked on the host, with a record of every row left out.

`load_table` turns a file or frame into a checked `Table` or raises; `inspect_table` does the same
for a `Request` and returns all that is wrong or odd; `read_frame` gives the raw cells.
"""

from scalejax.data.candidates import Candidate as Candidate
from scalejax.data.checks import DROPPABLE as DROPPABLE
from scalejax.data.checks import problem_at as problem_at
from scalejax.data.columns import column_list as column_list
from scalejax.data.columns import column_of as column_of
from scalejax.data.columns import column_problems as column_problems
from scalejax.data.columns import match_column as match_column
from scalejax.data.examples import golden36 as golden36
from scalejax.data.export import to_csv as to_csv
from scalejax.data.fit_rows import distinct_values as distinct_values
from scalejax.data.headers import folded as folded
from scalejax.data.headers import normalised as normalised
from scalejax.data.inspection import Inspection as Inspection
from scalejax.data.joining import SEPARATOR as SEPARATOR
from scalejax.data.joining import group_by as group_by
from scalejax.data.joining import join_groups as join_groups
from scalejax.data.keys import KEYS as KEYS
from scalejax.data.load import accepted as accepted
from scalejax.data.load import inspect_table as inspect_table
from scalejax.data.load import load_table as load_table
from scalejax.data.mapping import MappedColumn as MappedColumn
from scalejax.data.mapping import read_mapping as read_mapping
from scalejax.data.mapping import save_mapping as save_mapping
from scalejax.data.mapping import with_mapping as with_mapping
from scalejax.data.numbers import parse_column as parse_column
from scalejax.data.presence import Presence as Presence
from scalejax.data.relations import refuse_changing_runs as refuse_changing_runs
from scalejax.data.request import Request as Request
from scalejax.data.request import TableOptions as TableOptions
from scalejax.data.table import SetAside as SetAside
from scalejax.data.table import Table as Table
from scalejax.data.table import encode_labels as encode_labels
from scalejax.data.table import read_only as read_only
from scalejax.sources import STDIN as STDIN
from scalejax.sources import read_frame as read_frame
from scalejax.sources import source_name as source_name

"""Whatever a person may hold, as one frame of raw cells: files, folders, exports, pipes, frames.

`read_source` gives a `RawTable`: the cells as they are written under the header as it is written,
with a note on everything that was understood on the way. `read_frame` gives the frame alone.
"""

from scalejax.sources.raw_table import RawTable as RawTable
from scalejax.sources.reader import STDIN as STDIN
from scalejax.sources.reader import read_frame as read_frame
from scalejax.sources.reader import read_source as read_source
from scalejax.sources.reader import source_name as source_name

"""results/tables.md: which public tables are read without a flag, and what the others are asked.

    SCALEJAX_DATA=... python benchmarks/tables.py

Every CSV file of the folder goes through `scalejax check` as it lies there. A file that is no table
of losses (latencies, published coefficients) has no law to be read for, and says so.
"""

import os
import re
import warnings
from pathlib import Path

import scalejax as sj
from scalejax.vocabulary import speaking

PAGE = Path(__file__).parent / "results" / "tables.md"

_TOP = """\
# Public tables, read as they are

Written by `python benchmarks/tables.py`. *Read* is what was found without a flag; *asked* is the
code of what is left open, with the remedies that the message names. At commit edb40ac, before
headers were read for their meaning, 11 of the same 36 files were read; all others had E126.

| file | rows | law | read | asked |
| --- | --- | --- | --- | --- |
"""


def line(path: Path, folder: Path) -> str:
    """The row of one file."""
    with speaking("terminal"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check = sj.check(path, quick=True)
        read = "; ".join(map(str, check.inspection.mapping or ()))
        asked = [
            " ".join([one.code, *dict.fromkeys(re.findall(r"--[a-z-]+ \S+[^\s;,.)]", one.message))])
            for one in check.inspection.errors
        ]
    name, rows = path.relative_to(folder).as_posix(), check.inspection.rows
    cells = (name, f"{rows:,}", check.law, read, "; ".join(asked))
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def main() -> None:
    """Check all files and write the page."""
    folder = Path(os.environ["SCALEJAX_DATA"])
    files = sorted(folder.rglob("*.csv"))
    lines = [line(path, folder) for path in files]
    clear = sum(text.endswith("|  |") for text in lines)
    summary = f"\n{clear} of {len(files)} files are read without a flag.\n"
    PAGE.write_text(_TOP + "\n".join(lines) + "\n" + summary)
    print(PAGE.read_text())


if __name__ == "__main__":
    main()

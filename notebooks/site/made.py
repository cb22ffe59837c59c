"""Pages that are made at the build from what they tell of, so that nothing is written twice.

`made/` has, after a build: the diagnostic codes, the statuses, the commands, the public names of
every room, the stored results of the benchmarks, and the notebooks.
"""

import os
import shutil
from pathlib import Path

from public_names import pages
from said import codes, commands, statuses
from sphinx.application import Sphinx
from stored_results import results

SITE = Path(__file__).parent
ROOT = SITE.parents[1]
MADE = SITE / "made"


def make(app: Sphinx) -> None:
    """Write all pages afresh."""
    os.environ |= {"COLUMNS": "88", "NO_COLOR": "1"}
    texts = {"codes.md": codes(), "statuses.md": statuses(), "commands.md": commands()}
    texts |= {f"api/{name}.rst": text for name, text in pages()}
    texts |= {f"benchmarks/{name}.md": text for name, text in results(ROOT / "benchmarks/results")}
    shutil.rmtree(MADE, ignore_errors=True)
    for name, text in texts.items():
        (MADE / name).parent.mkdir(parents=True, exist_ok=True)
        (MADE / name).write_text(text.rstrip() + "\n", encoding="utf-8")
    (MADE / "notebooks").mkdir()
    for notebook in (ROOT / "notebooks").glob("*.ipynb"):
        shutil.copy(notebook, MADE / "notebooks")


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("builder-inited", make)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

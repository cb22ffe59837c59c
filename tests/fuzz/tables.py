"""Hostile tables, of the generator that the tests use: `hostile_tables`."""

import random
import tempfile
from pathlib import Path

from hostile_tables import fate_of, make
from tally import Tally, Wrong


def run(count: int, draw: random.Random) -> Tally:
    """Tables at random."""
    tally = Tally("tables")
    first = draw.randrange(10**9)
    with tempfile.TemporaryDirectory() as folder:
        for number in range(first, first + count):
            tally.add(number, _fate, number, Path(folder))
    return tally


def _fate(number: int, folder: Path) -> str:
    case = make(number)
    fate = fate_of(case, folder)
    if fate not in ("read", "refused"):
        raise Wrong(f"{case.kinds}: {fate}")
    return "taken" if fate == "read" else fate

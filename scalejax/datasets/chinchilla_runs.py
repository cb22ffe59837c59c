"""The 245 runs that Besiroglu et al. (arXiv:2404.10102) read from figure 4 of arXiv:2203.15556.

The values are compared with a checksum, whether they come from the user's folder or a download.
"""

import hashlib
import os
from pathlib import Path

import pandas as pd
import pooch

from scalejax.data import parse_column, read_frame
from scalejax.datasets.folder import DATA_FOLDER_VARIABLE
from scalejax.errors import ScalejaxError

_CHINCHILLA_URL = (
    "https://raw.githubusercontent.com/epoch-research/analyzing-chinchilla/"
    "92258837425e1b5f2851d624287f0120583a3d0e/data/svg_extracted_data.csv"
)
_CHINCHILLA_VALUES = "f7c8b11ef4c6b1cef066fe75fed112ab57f6f5f1188bf0846aaad1a6662d6c24"
# The runs of highest loss, which the replication leaves out.
_CHINCHILLA_OUTLIERS = 5


def chinchilla() -> pd.DataFrame:
    """The 245 runs with D = C/(6N) and the mark of the five highest losses.

    Raises:
        ScalejaxError: The data cannot be read or downloaded, or are not the published ones.
    """
    folder = os.environ.get(DATA_FOLDER_VARIABLE)
    path = Path(folder) / "chinchilla_epoch" / "chinchilla_epoch.csv" if folder else _download()
    names = {"N": "N", "C": "C", "loss": "loss"}
    if not folder:
        names |= {"N": "Model Size", "C": "Training FLOP"}
    try:
        raw = read_frame(path)
        runs = pd.DataFrame({key: parse_column(raw[name]).values for key, name in names.items()})
        correct = values_checksum(runs) == _CHINCHILLA_VALUES
    except (ScalejaxError, KeyError):
        correct = False
    if not correct:
        if not folder:
            path.unlink(missing_ok=True)
        raise ScalejaxError(_wrong_values(path, bool(folder)))
    runs.insert(1, "D", runs["C"] / (6 * runs["N"]))
    runs["outlier5"] = runs["loss"].rank(ascending=False, method="first") <= _CHINCHILLA_OUTLIERS
    return runs


def values_checksum(runs: pd.DataFrame) -> str:
    """SHA-256 of N, C and loss, row by row in sorted order, each to ten significant digits.

    Digits, so that a file passes whose writer was off in the last bit.
    """
    rows = zip(runs["N"], runs["C"], runs["loss"], strict=True)
    lines = sorted(f"{n:.9e},{c:.9e},{loss:.9e}\n" for n, c, loss in rows)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _download() -> Path:
    cache = pooch.os_cache("scalejax")
    try:
        # known_hash=None: the values are checked, which also covers the copy in SCALEJAX_DATA.
        return Path(
            pooch.retrieve(_CHINCHILLA_URL, known_hash=None, fname="chinchilla.csv", path=cache)
        )
    except OSError as error:
        raise ScalejaxError(
            f"the chinchilla data could not be downloaded ({type(error).__name__}: {error}). "
            f"Set {DATA_FOLDER_VARIABLE} to a folder with chinchilla_epoch/chinchilla_epoch.csv"
        ) from error


def _wrong_values(path: Path, is_own_copy: bool) -> str:
    remedy = f"correct {DATA_FOLDER_VARIABLE}" if is_own_copy else "it was removed; load again"
    return f"{path} does not hold the 245 published Chinchilla runs (wrong values): {remedy}"

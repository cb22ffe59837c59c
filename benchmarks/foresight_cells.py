"""Cells of benchmarks/foresight.py: runs to train on, and larger ones to predict.

Each of 24 public tables is split three ways by C = 6ND: the largest fifth is kept out (`top20`),
all above a tenth of the largest (`tenth`), or all above a tenth is predicted from what is below a
hundredth (`hundredth`). Each is also thinned to 12 and 20 training rows. A split needs 8 runs to
train on and 3 to predict.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from scalejax._arrays import Floats

_FEWEST_TRAIN, _FEWEST_TEST = 8, 3
_THINNED = (12, 20)
_EVERY = 20
"""Of the checkpoints of a curve one in so many is used: neighbours say the same."""

_OLMO = ("ce_c4_en", "ce_dolma_wiki", "ce_dolma_stack")


class Cell(NamedTuple):
    """Runs to train on and runs to predict: N, D, loss, and the run where rows are checkpoints."""

    table: str
    split: str
    train: pd.DataFrame
    test: pd.DataFrame

    @property
    def options(self) -> dict[str, str]:
        """What `scalejax.fit` is told of the columns."""
        return {"run": "run"} if "run" in self.train else {}

    @property
    def runs(self) -> int:
        """Runs to train on; rows, where none is a checkpoint."""
        return int(self.train["run"].nunique()) if "run" in self.train else len(self.train)

    @property
    def beyond(self) -> Floats:
        """Decades of compute of each kept-out run beyond the largest that is trained on."""
        c = (6 * frame["N"] * frame["D"] for frame in (self.train, self.test))
        largest, sizes = (np.log10(values.to_numpy()) for values in c)
        return np.asarray(np.clip(sizes - largest.max(), 0, None))


def tables(folder: Path) -> Iterator[tuple[str, pd.DataFrame]]:
    """Tables of N, D and loss, one recipe each; of several seeds or rates the best run."""

    def read(path: str) -> pd.DataFrame:
        return pd.read_csv(folder / path)

    epoch = read("chinchilla_epoch/chinchilla_epoch.csv")
    yield "epoch", epoch[epoch["outlier5"] == 0]
    digitised = read("chinchilla_epoch/chinchilla_isoflop_scalefit.csv")
    yield "epoch isoFLOP", digitised[digitised["qc_outlier"] == 0]
    porian = read("porian_refinedweb/porian_refinedweb.csv")
    for keys, part in porian.groupby(["param_count", "loss_split", "hparams", "warmup", "decay"]):
        yield "porian " + " ".join(map(str, keys)), part
    llama3 = read("isoflop_llama3/isoflop_llama3.csv")
    yield "llama3 isoFLOP", llama3[llama3["qc_outlier"] == 0]
    gadre = read("gadre_overtraining/gadre_overtraining.csv")
    for data, part in gadre.groupby("train_data"):
        yield f"gadre {data}", part.assign(loss=part["loss_c4_val"])
    yield "steplaw", _best(read("steplaw_dense/steplaw_dense.csv"))
    misfitting = read("misfitting/misfitting.csv")
    yield "misfitting", _best(misfitting[misfitting["frac_done"] == 1])
    sweep = read("misfitting/misfitting_fsx_sweep.csv")
    yield "misfitting fsx", _best(sweep.assign(loss=sweep["c4_loss"]))
    ablations = read("datablations/datablations.csv")
    once = (ablations["epochs"] <= 1) & (ablations["variant"] == "main")
    yield "datablations", _best(ablations[once])
    llama1 = read("llama1_curves/llama1_curves.csv").rename(columns={"model": "run"})
    yield "llama1", llama1[llama1.groupby("run").cumcount() % _EVERY == 0]
    olmo = read("olmo_ladder/olmo_ladder.csv.gz").dropna(subset="step")
    last = olmo.loc[olmo.groupby("run")["step"].idxmax()].drop(columns="run")
    for column in _OLMO:
        yield f"olmo {column}", last.assign(loss=last[column])


def _best(runs: pd.DataFrame) -> pd.DataFrame:
    columns = runs.dropna(subset="loss").groupby(["N", "D"])["loss"]
    return runs.loc[columns.idxmin(), ["N", "D", "loss"]]


def cells(folder: Path) -> Iterator[Cell]:
    """Every table in every split that leaves enough on both sides, full and thinned."""
    for name, runs in tables(folder):
        checkpoints = name == "llama1"
        table = runs[["N", "D", "loss", *(["run"] if checkpoints else [])]].dropna()
        table = table.astype({"N": float, "D": float, "loss": float}).reset_index(drop=True)
        c = 6 * table["N"] * table["D"]
        splits = {
            "top20": (c < c.quantile(0.8), c >= c.quantile(0.8)),
            "tenth": (c <= c.max() / 10, c > c.max() / 10),
            "hundredth": (c <= c.max() / 100, c > c.max() / 10),
        }
        for split, (train, test) in splits.items():
            if train.sum() < _FEWEST_TRAIN or test.sum() < _FEWEST_TEST:
                continue
            yield Cell(name, split, table[train], table[test])
            for count in _THINNED:
                if train.sum() > count + 4:
                    thin = table[train].sample(count, random_state=0)
                    yield Cell(name, f"{split}, {count} rows", thin, table[test])

"""Runs for studies, and the files of their jobs."""

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

import scalejax as sj
from scalejax.studies import working
from scalejax.studies.folder import Folder

SIZES = np.array([2e7, 5e7, 1e8, 3e8, 1e9, 3e9])
TRUTH = sj.find_law("chinchilla").published["hoffmann2022-tex"]


def family(seed, noise=3e-3, sizes=SIZES, checkpoints=6):
    """A family of models with checkpoints, along Hoffmann's law."""
    rng = np.random.default_rng(seed)
    N, part = np.meshgrid(sizes, np.linspace(0.1, 1, checkpoints), indexing="ij")
    D = part * (20 * N + 1e10)
    loss = np.asarray(sj.find_law("chinchilla")(N, D, **TRUTH), float)
    frame = pd.DataFrame({"N": N.ravel(), "D": D.ravel(), "loss": loss.ravel()})
    frame["loss"] *= np.exp(noise * rng.standard_normal(len(frame)))
    return frame.assign(
        family=f"f{seed}", model=[f"f{seed}-{n:.0e}" for n in frame["N"]], corpus="c4"
    )


def bytes_of(folder):
    """All that a job found, byte for byte."""
    files = [folder / "results.parquet", *sorted((folder / "shards").iterdir())]
    return {file.name: file.read_bytes() for file in files}


def answer_from(job, monkeypatch):
    """Shards are found in a finished job instead of being solved."""
    monkeypatch.setattr(
        working,
        "solve_shard",
        lambda problems, shard, layout: pq.read_table(Folder(job).shard(shard.number)),
    )


def write(name, content):
    def damage(folder):
        (folder / name).write_bytes(content)

    return damage

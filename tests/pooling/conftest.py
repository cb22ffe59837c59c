"""Families of runs around Besiroglu's law, and their pool."""

import numpy as np
import pandas as pd
import pytest
from pooling_cases import line, lines

import scalejax as sj
from scalejax.laws import chinchilla


@pytest.fixture(scope="session")
def two_way():
    runs = lines()
    return runs, sj.pool(runs, line, by="family")


@pytest.fixture(scope="session")
def families():
    random = np.random.default_rng(0)
    N = np.array([1e8, 1e8, 3e8, 3e8, 1e9, 1e9, 3e9])
    D = np.array([2e9, 2e10, 2e9, 2e10, 2e9, 2e10, 2e10]) * np.sqrt(N / 1e8)
    base = chinchilla.published["besiroglu2024"]
    truth, frames = {}, []
    for k in range(6):
        theta = {name: x * np.exp(0.1 * random.normal()) for name, x in base.items()}
        theta["A"] = base["A"] * (6e8) ** (theta["alpha"] - base["alpha"])
        theta["B"] = base["B"] * (1e10) ** (theta["beta"] - base["beta"])
        loss = chinchilla(N, D, **theta) * np.exp(0.004 * random.normal(size=7))
        frame = pd.DataFrame({"N": N, "D": D, "loss": loss, "family": f"f{k}"})
        frames.append(frame[:3] if k == 3 else frame)
        truth[f"f{k}"] = theta
    return truth, pd.concat(frames, ignore_index=True)


@pytest.fixture(scope="session")
def pooled(families):
    return sj.pool(families[1], by="family")

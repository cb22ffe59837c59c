"""Laws and frames of families whose answer has a closed form."""

import jax.numpy as jnp
import numpy as np
import pandas as pd

import scalejax as sj
from scalejax import Real


@sj.law
def line(x, *, a: Real, b: Real):
    """A power law of exp(x): the log loss is linear in both parameters."""
    return jnp.exp(a + b * x)


def lines(groups=7, seed=1):
    """Log losses linear in x; families of 3 to 6 runs."""
    random = np.random.default_rng(seed)
    frames = []
    for k in range(groups):
        n = 3 + k % 4
        x = random.uniform(-1, 1, n)
        a, b = 1 + 0.3 * random.normal(), -0.3 + 0.1 * random.normal()
        y = a + b * x + 0.05 * random.normal(size=n)
        frames.append(pd.DataFrame({"x": x, "loss": np.exp(y), "family": f"f{k}"}))
    return pd.concat(frames, ignore_index=True)

"""The posterior of a fitted law by NUTS, with ``scalejax[bayes]`` installed.

Take it where intervals must carry prior knowledge, or where only a prior holds a weak direction.
Resamples (``fit(resamples=...)``) assume less about the noise and allow for clusters. With equal
normal noise both agree within 5 % at 240 runs; on the 240 Chinchilla runs, whose noise is not
equal, least squares gives posterior intervals 0.4 to 0.9 times as wide as resampled runs do.

The objective of the fit is read as a likelihood, see `scalejax.bayes.density`. The sampler is
numpyro's, in coordinates whitened at the fit; blackjax's is as fast (benchmarks/posterior.py).
"""

import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from typing import Any, Protocol

import jax
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scalejax._arrays import Floats
from scalejax.amounts import whole
from scalejax.bayes.density import is_likelihood, make_density
from scalejax.engine import FitProblem, check_priors
from scalejax.errors import FitWarning, ScalejaxError, UsageError
from scalejax.files import plain
from scalejax.fitting import Fit
from scalejax.laws import Law
from scalejax.objectives import LogNormal, Objective, Prior
from scalejax.resampling import check_level
from scalejax.result import Result
from scalejax.scope import own_settings
from scalejax.vocabulary import argument
from scalejax.workload import MOST_CHAINS, MOST_DRAWS

R_HAT_LIMIT, LEAST_ESS = 1.01, 400.0
"""Draws are trusted below this R-hat and above this effective sample size, in bulk and tails: the
thresholds of Vehtari et al. (arXiv:1903.08008)."""

# All by judgement. Target acceptance, above NUTS's usual 0.8: smaller steps take longer and diverge
# less. Chains start up to 2 standard deviations from the fit in every whitened coordinate. Fewer
# than ten steps are surely a slip.
_ACCEPTANCE, _REACH, _LEAST_STEPS = 0.9, 2.0, 10
_DIAGNOSTICS = ["r_hat", "ess_bulk", "ess_tail"]


class LogDensity(Protocol):
    """A log density that `sample` can sample; a pytree."""

    @property
    def centre(self) -> Any:
        """An array with an entry per coordinate, of which only the length counts."""

    def __call__(self, z: jax.Array) -> jax.Array:
        """Log density of whitened coordinates, up to a constant."""


@dataclass(frozen=True, eq=False, repr=False)
class Posterior(Result):
    """Draws from the posterior of a law; printing it says whether they can be trusted.

    Attributes:
        law: The law.
        parameters: All its parameters, fixed and tied ones included, (chains, draws) each.
        noise_scale: Noise scale of a row of unit weight, in units of the residual, (chains, draws).
        log_density: Log density of the sampler's coordinates, up to a constant, (chains, draws).
        diverging: Whether the trajectory to a draw diverged, (chains, draws).
        diagnostics: r_hat, ess_bulk and ess_tail (by ArviZ) of the free parameters and noise_scale.
        settings: Likelihood, priors, sizes, seed and version of the sampler, as plain values.
    """

    law: Law
    parameters: dict[str, Floats]
    noise_scale: Floats
    log_density: Floats
    diverging: NDArray[np.bool_]
    diagnostics: pd.DataFrame
    settings: dict[str, Any]

    @property
    def complaints(self) -> tuple[str, ...]:
        """Why the draws are not to be trusted, in words; empty if they are."""
        r_hat = self.diagnostics["r_hat"].fillna(np.inf)
        ess = self.diagnostics[_DIAGNOSTICS[1:]].fillna(0.0).min(axis=1)
        complaints = []
        if np.any(self.diverging):
            complaints.append(
                f"{np.sum(self.diverging)} of {self.diverging.size} trajectories diverged, so that "
                "tails may be missed: narrow the priors, or fix or tie a parameter."
            )
        if not r_hat.max() < R_HAT_LIMIT:
            complaints.append(
                f"R-hat of {r_hat.idxmax()} is {r_hat.max():.3f}: raise warmup= or "
                f"{argument('draws')}."
            )
        if not ess.min() > LEAST_ESS:
            complaints.append(
                f"{ess.idxmin()} has {ess.min():.0f} effective draws: raise {argument('draws')}."
            )
        return tuple(complaints)

    def arrays(self) -> dict[str, Floats]:
        """All parameters of the law with the chains joined, (chains * draws,), for ``vmap``."""
        return {name: values.ravel() for name, values in self.parameters.items()}

    def conf_int(self, level: float = 0.95) -> pd.DataFrame:
        """Equal-tailed posterior intervals of all parameters, with this probability inside.

        Returns:
            As `Fit.conf_int`; estimate is the median and stderr the posterior standard deviation.
        """
        check_level(level)
        draws = pd.DataFrame(self.arrays()).rename_axis("parameter", axis="columns")
        low, middle, high = (draws.quantile((1 + sign * level) / 2) for sign in (-1, 0, 1))
        columns = {"estimate": middle, "stderr": draws.std(ddof=0), "lo": low, "hi": high}
        about: dict[str, Any] = {"b_asked": len(draws), "b_used": len(draws), "reason": ""}
        return pd.DataFrame(columns).assign(level=level, method="posterior nuts", **about)

    def to_frame(self) -> pd.DataFrame:
        """One row per draw: chain, draw (both from 1), parameters, noise_scale and statistics."""
        chain, draw = np.indices(self.diverging.shape) + 1
        columns: dict[str, Any] = {"chain": chain, "draw": draw, **self.parameters}
        for name in ("noise_scale", "log_density", "diverging"):
            columns[name] = getattr(self, name)
        return pd.DataFrame({name: values.ravel() for name, values in columns.items()})

    def _shown(self) -> pd.DataFrame:
        return self.conf_int().reset_index()

    def to_dict(self) -> dict[str, Any]:
        """Intervals, diagnostics and settings as plain values; the draws are in `to_frame`."""
        described: dict[str, Any] = plain(
            {
                "law": self.law.name,
                "settings": self.settings,
                "complaints": self.complaints,
                "parameters": self.conf_int().to_dict("index"),
                "diagnostics": self.diagnostics.to_dict("index"),
            }
        )
        return described

    def to_arviz(self) -> Any:
        """The draws for ArviZ: its DataTree from version 1 on, before that its InferenceData.

        Chains and draws are numbered from 0, as ArviZ does. Variables carry their unit, where the
        law declares one; the posterior group carries the law and, as JSON, the settings.
        """
        tree = arviz_tree(
            posterior={**self.parameters, "noise_scale": self.noise_scale},
            sample_stats={"lp": self.log_density, "diverging": self.diverging},
        )
        group = tree["posterior"]
        group.attrs |= {"law": self.law.name, "settings": json.dumps(self.settings)}
        for name, parameter in self.law.parameters.items():
            if parameter.unit:
                group[name].attrs["units"] = parameter.unit
        return tree

    def summary(self) -> str:
        """What a person should read, as plain text."""
        chains, draws = self.diverging.shape
        worst, fewest = self.diagnostics["r_hat"].max(), self.diagnostics[_DIAGNOSTICS[1:]].min()
        trusted = f"No divergences, R-hat up to {worst:.4f}, at least {fewest.min():.0f} effective"
        return "\n".join(
            [
                f"{self.law.name}: posterior by NUTS, {chains} chains of {draws} draws",
                f"likelihood {self.settings['likelihood']}, seed {self.settings['seed']}",
                *(self.complaints or [f"{trusted} draws."]),
                self.conf_int()[["estimate", "stderr", "lo", "hi"]].to_string(),
            ]
        )


def posterior(
    fit: Fit,
    *,
    draws: int = 1000,
    warmup: int = 1000,
    chains: int = 4,
    seed: int = 0,
    priors: Mapping[str, Prior] | None = None,
    noise_prior: LogNormal | None = None,
    likelihood: Objective | None = None,
) -> Posterior:
    """Sample the posterior of a fitted law, see `scalejax.bayes.density` for what it is.

    Args:
        fit: A fit with independent rows; its fixed and tied parameters, bounds and priors are kept.
        draws: Draws per chain.
        warmup: Steps of adaptation per chain, which are not kept.
        chains: Independent chains, from overdispersed starts.
        seed: Seed of the chains.
        priors: Priors by free parameter; they replace those of the fit.
        noise_prior: Prior of the noise scale of a row of unit weight, in units of the residual.
        likelihood: The objective that is read as a likelihood; that of the fit if not given.

    Returns:
        The draws. Reasons not to trust them are in `complaints`, and given as a `FitWarning`.

    Raises:
        ScalejaxError: numpyro or ArviZ is not installed.
        UsageError: There is no such likelihood or prior, rows are clustered, or a number is out of
            range.
    """
    arviz, numpyro = extra("arviz"), extra("numpyro")
    whole("draws", draws, _LEAST_STEPS, MOST_DRAWS), whole("warmup", warmup, _LEAST_STEPS)
    whole("chains", chains, 2, MOST_CHAINS), whole("seed", seed)
    problem = _problem(fit, likelihood, priors, noise_prior)
    density = make_density(problem, fit.params, noise_prior)
    with own_settings():
        keys = jax.random.split(jax.random.key(seed), chains)
        z, log_density, diverging = sample(density, keys, draws, warmup)
        u = np.asarray(density.coordinates(z), np.float64).reshape(chains * draws, -1)
    parameters = {name: x.reshape(chains, draws) for name, x in problem.parameters(u).items()}
    noise = np.exp(u[:, -1]).reshape(chains, draws)
    free = {**{name: parameters[name] for name in problem.model.free}, "noise_scale": noise}
    beliefs = zip(density.views, density.beliefs.mean, density.beliefs.sd, strict=True)
    checks = arviz.summary(arviz_tree(posterior=free), kind="diagnostics", round_to="none")
    record = Posterior(
        law=fit.law,
        parameters=parameters,
        noise_scale=noise,
        log_density=np.asarray(log_density, np.float64),
        diverging=np.asarray(diverging),
        diagnostics=checks[_DIAGNOSTICS],
        settings={
            "likelihood": str(problem.objective),
            "priors": {
                name: [view, float(mean), float(sd)]
                for name, (view, mean, sd) in zip(free, beliefs, strict=True)
            },
            "draws": draws,
            "warmup": warmup,
            "chains": chains,
            "seed": seed,
            "sampler": f"numpyro {numpyro.__version__}",
        },
    )
    for complaint in record.complaints:
        warnings.warn(complaint, FitWarning, stacklevel=2)
    return record


@partial(jax.jit, static_argnums=(2, 3))
def sample(density: LogDensity, keys: jax.Array, draws: int, warmup: int) -> tuple[jax.Array, ...]:
    """Draw from a density by NUTS.

    Args:
        density: Log density of p + 1 whitened coordinates.
        keys: Random key of each chain.
        draws: Draws per chain.
        warmup: Steps of adaptation per chain, which are not kept.

    Returns:
        Whitened coordinates (chains, draws, p + 1), their log density (chains, draws), and whether
        the trajectory diverged (chains, draws).
    """
    hmc = extra("numpyro.infer.hmc").hmc

    def chain(key: jax.Array) -> tuple[jax.Array, ...]:
        begin, run = jax.random.split(key)
        init, step = hmc(lambda z: -density(z), algo="NUTS")
        z = jax.random.uniform(begin, density.centre.shape, minval=-_REACH, maxval=_REACH)
        state = init(z, warmup, target_accept_prob=_ACCEPTANCE, rng_key=run)

        def one(state: Any, _: None) -> Any:
            state = step(state)
            return state, (state.z, -state.potential_energy, state.diverging)

        # One loop for warmup and draws: the step is compiled once.
        _, states = jax.lax.scan(one, state, length=warmup + draws)
        return tuple(part[warmup:] for part in states)

    return jax.vmap(chain)(keys)


def _problem(
    fit: Fit,
    likelihood: Objective | None,
    priors: Mapping[str, Prior] | None,
    noise: LogNormal | None,
) -> FitProblem:
    """The problem of a fit with another likelihood and other priors, if given.

    Raises:
        UsageError: There is no posterior of it; all reasons in one message.
    """
    problem, objective = fit.problem, likelihood or fit.objective
    beliefs = {**problem.priors, **check_priors(problem.model, priors)}
    widths = {**beliefs, **({} if noise is None else {"noise_scale": noise})}
    complaints = [
        f"{name!r} has a prior but is not free" for name in beliefs if name not in fit.free
    ]
    complaints += [
        f"the prior of {name!r} needs sd > 0" for name, p in widths.items() if not p.sd > 0
    ]
    complaints += [
        f"the prior of {name!r}, which may be negative, cannot be LogNormal"
        for name, p in beliefs.items()
        if isinstance(p, LogNormal) and fit.law.parameters[name].support.lower < 0
    ]
    if not is_likelihood(objective.kernel):
        names = "least_squares, huber, absolute or student_t"
        complaints.append(
            f"{objective.name} has no known integral, so it is no likelihood: give likelihood= "
            f"{names}"
        )
    if objective.tuning is not None:
        complaints.append('huber("auto") has no delta yet: fit with it, or give the number')
    if problem.model.penalty is not None:
        complaints.append(f"a penalty is no prior: write it as {argument('priors')}")
    if fit.table.cluster is not None:
        complaints.append("rows are taken as independent: with clusters, use the bootstrap")
    if not np.all(np.isfinite(list(fit.params.values()))):
        complaints.append(f"the fit has no estimate to start from ({fit.status.label})")
    if complaints:
        raise UsageError(f"no posterior: {'; '.join(complaints)}.")
    model = replace(problem.model, kernel=objective.kernel)
    return replace(problem, model=model, objective=objective, priors=beliefs)


def extra(name: str) -> Any:
    """A module that ``scalejax[bayes]`` installs.

    Raises:
        ScalejaxError: It is not installed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # ArviZ 0 announces version 1.
            return import_module(name)
    except ImportError as error:
        raise ScalejaxError(
            f"the posterior needs {name}, which is not installed: pip install 'scalejax[bayes]'"
        ) from error


def arviz_tree(**groups: dict[str, NDArray[Any]]) -> Any:
    """Groups of arrays (chains, draws, ...) in ArviZ's own container, of whichever version."""
    arviz = extra("arviz")
    return arviz.from_dict(**groups) if arviz.__version__ < "1" else arviz.from_dict(groups)

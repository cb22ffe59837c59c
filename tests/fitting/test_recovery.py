"""Noise-free recovery (T3): every registered law gives back the coefficients that made the data.

For dense laws a few surfaces times twenty sampling widths, from twofold to a hundredfold around the
compute-optimal size, are fitted as one batch. Other laws get eighty runs spread over their inputs,
with their published coefficients or those of `TRUTHS`. A law that is not recovered must say so.
"""

import warnings

import jax
import numpy as np
import pandas as pd
import pytest

import scalejax as sj
from scalejax.laws import LAWS
from scalejax.status import Status

WIDTHS = np.geomspace(2, 100, 20)

_HOFFMANN = dict(LAWS["chinchilla"].published["hoffmann2022-tex"])
_KUMAR = dict(LAWS["kumar2024"].published["kumar2024"])
_KUMAR_PTQ = dict(LAWS["kumar2024_ptq"].published["kumar2024"])
_OTHER_BITS = {"gamma_w": 1.5, "n_w": 0.6, "gamma_a": 1.2, "n_a": 1.0, "gamma_kv": 1.8, "n_kv": 0.3}
_OTHER_POST = {"C_T": 0.005, "gamma_D": 0.35, "gamma_N": 0.2, "gamma_post": 1.1}
_FLOORS = (
    {"E": 1.69, "A": 400.0, "alpha": 0.31},
    {"E": 1.2, "A": 50.0, "alpha": 0.15},
    {"E": 2.0, "A": 1e4, "alpha": 0.465},
)
SURFACES = {
    "chinchilla": (
        {"E": 1.69, "A": 400.0, "alpha": 0.31, "B": 400.0, "beta": 0.31},
        _HOFFMANN,
        {"E": 1.69, "A": 1e4, "alpha": 0.465, "B": 30.0, "beta": 0.155},
    ),
    "chinchilla_tied": (
        {"E": 1.69, "A": 400.0, "alpha": 0.31, "B": 400.0},
        dict(LAWS["chinchilla_tied"].published["muennighoff2023"]),
    ),
    "outer_exponent": (
        {**_HOFFMANN, "gamma": 1.0},
        {"E": 1.69, "A": 400.0, "alpha": 0.31, "B": 410.0, "beta": 0.31, "gamma": 0.8},
        {"E": 1.22, "A": 3355.0, "alpha": 0.408, "B": 18186.0, "beta": 0.431, "gamma": 0.452},
    ),
    "kaplan": (
        dict(LAWS["kaplan"].published["kaplan2020"]),
        {"Nc": 1e13, "alpha_N": 0.1, "Dc": 1e13, "alpha_D": 0.1},
        {"Nc": 1e10, "alpha_N": 0.3, "Dc": 1e13, "alpha_D": 0.1},
    ),
    "power_N": (dict(LAWS["power_N"].published["kaplan2020"]), {"A": 50.0, "alpha": 0.15}),
    "power_D": (dict(LAWS["power_D"].published["kaplan2020"]), {"A": 50.0, "alpha": 0.15}),
    "power_C": (dict(LAWS["power_C"].published["kaplan2020"]), {"A": 50.0, "alpha": 0.15}),
    "floor_power_N": _FLOORS,
    "floor_power_D": _FLOORS,
    "floor_power_C": (
        {"E": 1.69, "A": 400.0, "alpha": 0.15},
        {"E": 1.2, "A": 50.0, "alpha": 0.1},
        {"E": 2.0, "A": 1e4, "alpha": 0.2},
    ),
    "kumar2024": (_KUMAR, {**_HOFFMANN, **_OTHER_BITS}),
    "kumar2024_ptq": (_KUMAR_PTQ, {**_HOFFMANN, **_OTHER_POST}),
    "kumar2024_unified": ({**_KUMAR, **_KUMAR_PTQ, "C_w": 0.2, "C_a": 0.4, "C_kv": 0.8},),
    "sun2025": (
        dict(LAWS["sun2025"].published["sun2025"]),
        {"n": 400.0, "alpha": 0.34, "d": 410.0, "beta": 0.28, "eps": 1.69}
        | {"gamma": 3.0, "delta": 2.0, "nu": 4.0},
    ),
    "data_constrained": (
        dict(LAWS["data_constrained"].published["muennighoff2023-repetition"]),
        {**_HOFFMANN, "R_D": 5.0, "R_N": 2.0},
    ),
}
TRUTHS = {
    # With equal effects the mixture would not matter.
    "mixture_5": {"c": 1.5, "k": 1.0, "t_1": -2.0, "t_2": -0.5, "t_3": 0.3, "t_4": -1.0}
    | {"t_5": 0.6},
    "rosenfeld2019": {"a": 2e3, "alpha": 0.4, "b": 3e3, "beta": 0.35, "c": 0.4, "e0": 6.0}
    | {"eta": 2.0},
    "bnsl1": {"a": 0.5, "b": 20.0, "c0": 0.1, "d1": 1e5, "c1": 0.3, "f1": 0.3},
    "bnsl2": {"a": 0.5, "b": 20.0, "c0": 0.1, "d1": 1e4, "c1": 0.4, "f1": 0.2}
    | {"d2": 1e7, "c2": -0.3, "f2": 0.2},
    "farseer": {"a1": 0.4, "b1": -1.2, "alpha": 0.15, "a2": 0.8, "b2": 3.0, "beta": -0.12}
    | {"a3": 0.6, "b3": -0.3, "gamma": -0.2},
}
# Its numerator and its eta share one scale; shares add up to one.
HELD = {"rosenfeld2019": ("eta",), "mixture_5": ("k",)}
# Many parameters of which most have to be searched: 16 starts do not find the minimum, or the
# design leaves a direction open. Fix some of them, or give starts by bounds.
UNSOLVED = {"bnsl2", "bnsl3", "farseer", "busbridge2025"}
SPREAD = {
    "N": (1e7, 1e11),
    "D": (1e9, 1e13),
    "C": (1e17, 1e24),
    "x": (1e1, 1e9),
    "S": (1e3, 1e6),
    "M": (5, 600),
    "experts": (1, 512),
    "granularity": (1, 64),
    "sparsity": (0, 0.9),
    "N_v": (1e6, 1e9),
    "D_chars": (1e9, 1e13),
    "L_teacher": (1.6, 3.5),
    "replicas": (1, 16),
    "streams": (1, 8),
    "mse": (0, 0.5),
    "k": (1, 1e4),
    "D_f": (1e3, 1e8),
    "D_p": (1e6, 1e11),
    "L": (1.8, 5),
    "upstream_error": (0.05, 0.6),
    "days": (0, 1000),
    "block": (16, 1024),
    "P_post": (2, 8),
}
ROWS = 80

COEFFICIENTS = ("E", "A", "B", "Nc", "Dc")
LEVELS = {
    "P_w": (3, 4, 6, 8, 16),
    "P_a": (4, 5, 6, 8, 16),
    "P_kv": (3, 4, 5, 6, 16),
    "P_post": (2, 3, 4, 5, 8),
    "E_bits": (1, 2, 3, 4, 5),
    "M_bits": (1, 2, 3, 4, 7),
    "U": (1e9, 3e9, 1e10, 1e11, 1e13),
    "block": (16, 32, 128, 512, 1024),
}
SHORT = ("chinchilla", "kaplan", "floor_power_C")
SLOW = dict.fromkeys(set(LAWS) - set(SHORT), pytest.mark.slow)
# Of its 18 parameters 14 have to be searched, and sometimes only one start finds the minimum.
HARD = {"kumar2024_unified"}


def isoflop_design(width):
    """Five budgets of nine runs each, N up to `width` times above and below 20 tokens each."""
    budget = np.repeat(np.geomspace(1e19, 1e23, 5), 9)
    N = np.sqrt(budget / 120) * np.tile(width ** np.linspace(-1, 1, 9), 5)
    return {"N": N, "D": budget / (6 * N), "C": budget}


def precision_design(law, rows):
    """The law's inputs of precision, each at five levels in an order of its own."""
    random = np.random.default_rng(0)
    names = [name for name in law.inputs if name in LEVELS]
    return {
        name: random.permutation(np.resize(np.array(LEVELS[name], float), rows)) for name in names
    }


def spread_design(law, seed):
    """Each input spread evenly over its range (by logarithm where positive), in random order."""
    random = np.random.default_rng(seed)
    shares = [name for name in law.inputs if name.startswith("r_")]
    columns = dict(zip(shares, random.dirichlet(np.ones(len(shares) or 1), ROWS).T, strict=False))
    for name in law.inputs:
        place = (random.permutation(ROWS) + 0.5) / ROWS
        if name in ("stage", "is_compressed"):
            columns[name] = np.arange(ROWS) % 2.0
        elif name not in shares:
            low, high = SPREAD[name]
            columns[name] = low * (high / low) ** place if low else high * place
    return {name: columns[name] for name in law.inputs}


def middle(parameter):
    low, high = parameter.plausible
    return float(np.sqrt(low * high)) if low > 0 else (low + high) / 2


def truths(law):
    """Coefficients that a law without surfaces of its own is tried with."""
    if law.name in TRUTHS:
        return [TRUTHS[law.name]]
    published = [dict(values) for values in law.published.values()][:2]
    return published or [{name: middle(p) for name, p in law.parameters.items()}]


def noise_free(law):
    """All tables of a law, and the coefficients of each."""
    frames, truth = [], {}
    if law.name not in SURFACES:
        for number, surface in enumerate(truths(law)):
            columns, group = spread_design(law, number), f"truth {number}"
            with jax.enable_x64(True):
                response = np.asarray(law(*columns.values(), **surface))
            frames.append(pd.DataFrame({**columns, law.response.symbol: response, "group": group}))
            truth[group] = surface
        return pd.concat(frames, ignore_index=True), truth
    for number, surface in enumerate(SURFACES[law.name]):
        for width in WIDTHS:
            columns = isoflop_design(width)
            columns |= precision_design(law, len(columns["N"]))
            group = f"surface {number}, width {width:.1f}"
            with jax.enable_x64(True):
                loss = np.asarray(law(*(columns[name] for name in law.inputs), **surface))
            frames.append(pd.DataFrame({**columns, "loss": loss, "group": group}))
            truth[group] = surface
    return pd.concat(frames, ignore_index=True), truth


@pytest.fixture(
    scope="module", params=[pytest.param(name, marks=SLOW.get(name, ())) for name in LAWS]
)
def recovered(request):
    law = LAWS[request.param]
    runs, truth = noise_free(law)
    with warnings.catch_warnings():
        # The statuses have a test of their own.
        warnings.simplefilter("ignore", sj.FitWarning)
        # Models with very many tokens, quantised to two bits, lose more than 20 nats.
        warnings.simplefilter("ignore", sj.DataWarning)
        held = HELD.get(law.name, ())
        values = [{name: surface[name] for name in held} for surface in truth.values()]
        scale = "log" if law.response.positive else "loss"
        objective = sj.least_squares(on=scale)
        return truth, sj.fit_many(runs, law, by="group", objective=objective, fixed=values[0])


def test_recovers_the_coefficients(recovered):
    """Losses are rounded to 1e-16 and the worst condition is 3e3, so 1e-12 could be had."""
    truth, fits = recovered
    for group, fit in fits.items():
        if fit.law.name in UNSOLVED:
            continue
        for name, value in truth[group].items():
            limit = 1e-7 if name in COEFFICIENTS else 1e-8
            assert fit.params[name] == pytest.approx(value, rel=limit), (group, name)


def test_a_perfect_fit_counts_as_converged(recovered):
    """Residuals of 1e-16 have no direction left; that is a success, not a step limit.

    And a fit that is not the truth has a status that says so.
    """
    _, fits = recovered
    law = next(iter(fits.values())).law.name
    if law in UNSOLVED:
        assert Status.CONVERGED not in {fit.status for fit in fits.values()}
        return
    allowed = {Status.CONVERGED} | ({Status.STARTS_DISAGREE} if law in HARD else set())
    failed = {g: fit.status.label for g, fit in fits.items() if fit.status not in allowed}
    assert not failed


@pytest.mark.filterwarnings("default::scalejax.FitWarning")
def test_default_objective_recovers_too():
    """Huber on a table without noise, which a user tries first."""
    law = LAWS["chinchilla"]
    columns = isoflop_design(10)
    fit = sj.fit(
        {**columns, "loss": law(columns["N"], columns["D"], **_HOFFMANN)}, law, resamples=0
    )
    assert fit.params == pytest.approx(_HOFFMANN, rel=1e-8)
    assert fit.status == Status.CONVERGED

"""Shapes of the central functions of arrays, as their docstrings state them.

The package annotates arrays without shapes. Here each function is called through a twin whose
annotations have them: a letter means one number throughout a call, in arguments and results.
"""
# ruff: noqa: F722  (shapes are no Python)

from functools import partial

import jax
import numpy as np
import pytest
from beartype import beartype
from jaxtyping import Array, Bool, Float, Int, Num, TypeCheckError, jaxtyped

import scalejax as sj
from scalejax import resampling
from scalejax._numerics import fast_log
from scalejax.curves import annealing_area, forward_area
from scalejax.engine import Asymptotics, array_fit, arrays, certificate, derivatives, starts
from scalejax.objectives import Rows, Settings, huber, make_model
from scalejax.optima import allocation
from scalejax.solvers import factorise, solve

LAW = sj.find_law("chinchilla")
MODEL = make_model(LAW, huber().kernel)
SETTINGS = Settings(huber().constants, {}, {})
TRUTH = dict(LAW.published["besiroglu2024"])

Host = np.ndarray
Scalar = Float[Array, ""]
Points = tuple[Float[Array, " n"], Float[Array, " n"]]

U = np.linspace(0.1, 0.5, 5)
SIZES, TOKENS, LOSSES = np.geomspace(1e8, 1e9, 7), np.geomspace(1e11, 1e10, 7), np.linspace(3, 2, 7)
CODES = np.arange(7)
MATRIX = np.array([2.0, 0.1, 2.0, 0.1, 0.1, 2.0])  # 3 x 3, its lower triangle by rows

TWINS = {}
"""By name: a function whose shapes are checked, and arguments that suit it."""


def twin(*arguments):
    def register(function):
        TWINS[function.__name__] = jaxtyped(function, typechecker=beartype), arguments
        return function

    return register


@twin(U, (SIZES, TOKENS), LOSSES, LOSSES)
def certify(
    u: Float[Array, " p"], inputs: Points, target: Float[Array, " n"], weight: Float[Array, " n"]
) -> tuple[Scalar, Scalar, Scalar, Scalar, Bool[Array, " p"], Num[Array, ""], Scalar]:
    box, rows = arrays.make_box(MODEL, {}), Rows(inputs, target)
    return tuple(
        certificate.certify(MODEL, u, rows, weight, weight.shape[0], SETTINGS, box, "rows")
    )


@twin(U, (SIZES, TOKENS), LOSSES, LOSSES, np.array(0.1))
def evaluate(
    u: Float[Array, " p"],
    inputs: Points,
    target: Float[Array, " n"],
    weight: Float[Array, " n"],
    damping: Scalar,
) -> tuple[Scalar, Float[Array, " p"], Float[Array, " p*(p+1)//2"]]:
    rows = Rows(inputs, target)
    return tuple(
        derivatives.evaluate(MODEL, u, damping, rows, weight, len(weight), SETTINGS, "rows")
    )


@twin((SIZES, TOKENS), LOSSES)
def start_features(inputs: Points, target: Float[Array, " n"]) -> Float[Array, "products n"]:
    return starts.start_features(MODEL, Rows(inputs, target), SETTINGS)


@twin((SIZES, TOKENS), LOSSES, LOSSES, U)
def choose_starts(
    inputs: Points, target: Float[Array, " n"], weight: Float[Array, " n"], u: Float[Array, " p"]
) -> Float[Array, "1 starts p"]:
    features = starts.start_features(MODEL, Rows(inputs, target), SETTINGS)
    return starts.choose_starts(MODEL, features, weight[:, None])


@twin(U, (SIZES, TOKENS), LOSSES, LOSSES)
def objective(
    u: Float[Array, " p"], inputs: Points, target: Float[Array, " n"], weight: Float[Array, " n"]
) -> Scalar:
    return MODEL.objective(u, Rows(inputs, target), weight, SETTINGS)


@twin(np.tile(U, (3, 1)).T)
def parameters(u: Float[Array, "p lanes"]) -> dict[str, Float[Array, " lanes"]]:
    return MODEL.parameters(u, {})


@twin(U, SIZES, TOKENS, LOSSES)
def residual(
    u: Float[Array, " p"], n: Float[Array, " n"], d: Float[Array, " n"], target: Float[Array, " n"]
) -> Float[Array, " n"]:
    return MODEL.residual(u, (n, d), target, {})


@twin(SIZES, TOKENS)
def law(n: Float[Array, " n"], d: Float[Array, " n"]) -> Float[Array, " n"]:
    return LAW(n, d, **TRUTH)


@twin(SIZES)
def logarithm(x: Float[Array, " n"]) -> Float[Array, " n"]:
    return fast_log(x)


@twin(SIZES, TOKENS, LOSSES, LOSSES)
def fit_arrays(
    n: Float[Array, " n"], d: Float[Array, " n"], loss: Float[Array, " n"], w: Float[Array, " n"]
) -> tuple[dict[str, Scalar], Int[Array, ""], Scalar, Scalar, Scalar, Int[Array, ""]]:
    return tuple(array_fit.fit_arrays(LAW, {"N": n, "D": d}, loss, w, max_steps=5))


@twin(np.array(1e21))
def compute_optimum(budget: Scalar) -> tuple[Scalar, Scalar, Scalar]:
    return tuple(allocation(LAW, TRUTH, budget))


@twin(np.ones(3), np.zeros(3, bool), np.array(0.0), MATRIX)
def factorised(
    right: Float[Array, " p"],
    frozen: Bool[Array, " p"],
    damping: Scalar,
    matrix: Float[Array, " p*(p+1)//2"],
) -> tuple[Float[Array, "p p"], Float[Array, " p"], Bool[Array, ""], Float[Array, " p"]]:
    factor = factorise(matrix, 3, damping=damping, frozen=frozen)
    return (*factor, solve(factor, right, 3))


@twin(LOSSES)
def areas(rates: Float[Array, " T"]) -> tuple[Float[Array, " T"], Float[Array, " T"]]:
    return forward_area(rates), annealing_area(rates)


@twin((SIZES, TOKENS), LOSSES, LOSSES, CODES)
def stacked(
    inputs: tuple[Float[Host, " n"], Float[Host, " n"]],
    loss: Float[Host, " n"],
    weight: Float[Host, " n"],
    unit: Int[Host, " n"],
) -> tuple[tuple[Float[Host, "bucket 2"], ...], Float[Host, "bucket 2"], Int[Host, " 2"]]:
    table = arrays.HostTable(inputs, loss, weight, unit)
    found = arrays.stack([table, table], log=True)
    return found.rows.inputs, found.weight, found.length


@twin(np.ones((4, 3)))
def percentile_interval(
    draws: Float[Host, "draws k"],
) -> tuple[Float[Host, " k"], Float[Host, " k"]]:
    return resampling.percentile_interval(draws)


@twin(CODES, CODES // 3, np.zeros(2))
def weight_rows(
    unit: Int[Host, " n"], stratum: Int[Host, " n"], draws: Float[Host, " draws"]
) -> Float[Host, "draws n"]:
    units = resampling.Units(unit, stratum=stratum)
    return resampling.weight_rows("stratified", units, len(draws), seed=0)


@twin(LOSSES, LOSSES, LOSSES, CODES, np.zeros(2))
def target_rows(
    fitted: Float[Host, " n"],
    noise: Float[Host, " n"],
    size: Float[Host, " n"],
    unit: Int[Host, " n"],
    draws: Float[Host, " draws"],
) -> Float[Host, "draws n"]:
    return resampling.target_rows("wild", fitted, noise, size, unit, len(draws), seed=0)


@twin(np.random.default_rng(0).normal(size=(7, 3)), LOSSES, np.zeros(3, bool), np.ones((2, 3)))
def covariance(
    jacobian: Float[Host, "n p"],
    weight: Float[Host, " n"],
    held: Bool[Host, " p"],
    slope: Float[Host, "k p"],
) -> tuple[Float[Host, "p p"], Float[Host, " k"]]:
    n, p = jacobian.shape
    linear = Asymptotics(
        names=tuple("abc"),
        residual=weight,
        jacobian=jacobian,
        weight=weight,
        psi=weight,
        chi=weight,
        penalty=np.zeros((p, p)),
        scale=np.ones(p),
        held=held,
        unit=np.arange(n),
    )
    return linear.covariance("sandwich"), linear.standard_errors(slope, "sandwich")


ON_HOST = {"stacked", "percentile_interval", "weight_rows", "target_rows", "covariance"}


@pytest.fixture(params=TWINS)
def call(request):
    """A function whose shapes are checked, and its arguments; on a device it is only traced."""
    function, arguments = TWINS[request.param]
    on_host = request.param in ON_HOST
    with jax.enable_x64(True):
        yield function if on_host else partial(jax.eval_shape, function), arguments


def test_shapes_are_those_of_the_docstring(call):
    function, arguments = call
    function(*arguments)


def test_an_argument_of_another_shape_is_seen(call):
    function, (*others, last) = call
    with pytest.raises(TypeCheckError):
        function(*others, last[None])


def test_a_result_of_another_shape_is_seen():
    def transposed(draws: Float[Host, "draws k"]) -> Float[Host, "draws k"]:
        return draws.T

    with pytest.raises(TypeCheckError):
        jaxtyped(transposed, typechecker=beartype)(np.ones((4, 3)))

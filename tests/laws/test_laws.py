"""The registry of laws: every law against its formula in NumPy, published numbers and calculus."""

import itertools
import warnings

import formulas_dense
import formulas_other
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import scalejax as sj
from scalejax._numerics import powers_as_exponentials
from scalejax.laws import LAWS
from scalejax.laws.citations import CITATIONS
from scalejax.quantities import LOSS, QUANTITIES

FORMULAS = formulas_dense.FORMULAS | formulas_other.FORMULAS
RISING = formulas_dense.RISING | formulas_other.RISING

BITS = ("P_w", "P_a", "P_kv", "P_post", "E_bits", "M_bits")
# What points are drawn from, and the ends, where the middle and the ends of the vocabulary's range
# are not what a law is for: fractions of a bit, all parameters zero.
RANGES = {**dict.fromkeys(BITS, (2.0, 16.0)), "block": (2.0, 1e6)}
ENDS = {
    **dict.fromkeys(BITS, (1.0, 64.0)),
    "block": (2.0, 1e9),
    "sparsity": (0.0, 0.99),
    "mse": (0.0, 0.9),
}
MOST_CORNERS = 1024
ALL = pytest.mark.parametrize("law", LAWS.values(), ids=list(LAWS))
# What compiles for seconds is done for a law of each form in the fast battery.
KINDS = (
    *("chinchilla", "kaplan", "rosenfeld2019", "kumar2024", "sun2025", "data_constrained"),
    *("clark2022", "krajewski2024", "m4", "bnsl1", "ladder", "scalerl2025"),
)
KIND = pytest.mark.parametrize(
    "law",
    [
        pytest.param(law, id=name, marks=() if name in KINDS else pytest.mark.slow)
        for name, law in LAWS.items()
    ],
)
LOSSES = [law for law in LAWS.values() if law.response is LOSS]
PUBLISHED = [(law, values) for law in LAWS.values() for values in law.published.values()]


def middle(name):
    """The middle half of an input's range, by logarithm where it must be positive."""
    low, high = QUANTITIES[name].plausible
    if not QUANTITIES[name].positive:
        return low + (high - low) / 20, high - (high - low) / 20
    return low**0.75 * high**0.25, low**0.25 * high**0.75


def random_points(law, count, seed=0):
    """Inputs and parameters drawn from the plausible ranges, by logarithm where positive."""
    rng = np.random.default_rng(seed)

    def draw(low, high):
        if low <= 0:
            return rng.uniform(low, high, count)
        return np.exp(rng.uniform(np.log(low), np.log(high), count))

    inputs = tuple(draw(*RANGES.get(name, middle(name))) for name in law.inputs)
    return inputs, {name: draw(*p.plausible) for name, p in law.parameters.items()}


def test_every_law_has_its_formula():
    assert set(FORMULAS) == set(LAWS)


@ALL
def test_law_is_its_formula(law):
    inputs, parameters = random_points(law, 200)
    with jax.enable_x64(True):
        found = np.asarray(law(*inputs, **parameters))
    # Kaplan's law raises to powers up to 17 of numbers up to 1e11: 1e-13 for the rounding of both.
    assert found == pytest.approx(FORMULAS[law.name](*inputs, *parameters.values()), rel=1e-13)


@KIND
def test_derivatives_are_those_of_the_formula(law):
    """Forward and reverse derivatives of ln |L| in the logs of what is positive, at 20 points."""
    inputs, parameters = random_points(law, 20, seed=1)
    values = np.stack([*inputs, *parameters.values()])
    names, split = list(parameters), len(inputs)
    positive = (values > 0).all(1)
    point = np.where(positive[:, None], np.log(np.where(values > 0, values, 1)), values)

    def log_loss(u):
        values = jnp.where(positive, jnp.exp(u), u)
        found = law(*values[:split], **dict(zip(names, values[split:], strict=True)))
        return jnp.log(jnp.abs(found))

    def formula(u):
        return np.log(np.abs(FORMULAS[law.name](*np.where(positive[:, None], np.exp(u), u))))

    @jax.jit
    def slopes(points):
        ways = (jax.jacfwd(log_loss), jax.grad(log_loss))
        return [jax.vmap(way, 1, 1)(points) for way in ways]

    with jax.enable_x64(True):
        forward, reverse = map(np.asarray, slopes(jnp.asarray(point)))
    # Exponents times logs reach 40, so a step of 1e-4 bends by (40 h)^2/6 relatively: Richardson's
    # combination of steps h and 2h brings that to (40 h)^4, and rounding gives 1e-16 x 40 / h.
    step = 1e-4
    for k in range(len(point)):
        h = np.zeros_like(point)
        h[k] = step
        near = (formula(point + h) - formula(point - h)) / (2 * step)
        far = (formula(point + 2 * h) - formula(point - 2 * h)) / (4 * step)
        expected = (4 * near - far) / 3
        assert forward[k] == pytest.approx(expected, rel=1e-6, abs=1e-9), k
        assert reverse[k] == pytest.approx(forward[k], rel=1e-10, abs=1e-13), k


@ALL
def test_linear_parameters_are_linear(law):
    """L(x + y) + L(0) = L(x) + L(y) in the declared parameters, the others held."""
    inputs, parameters = random_points(law, 50, seed=2)
    _, other = random_points(law, 50, seed=3)
    rest = {name: parameters[name] for name in law.nonlinear}

    def at(*terms):
        return law(*inputs, **rest, **{name: sum(t[name] for t in terms) for name in law.linear})

    zero = dict.fromkeys(law.linear, np.zeros(50))
    with jax.enable_x64(True):
        both, neither = at(parameters, other), at(zero)
        left, right = both + neither, at(parameters) + at(other)
    assert np.asarray(left) == pytest.approx(np.asarray(right), rel=1e-13)


def test_declaring_a_nonlinear_parameter_linear_would_be_seen():
    """The superposition test above is able to fail: Kaplan's scales are not linear."""
    kaplan = LAWS["kaplan"]
    assert not kaplan.linear
    values = dict(kaplan.published["kaplan2020"])
    doubled = {**values, "Nc": 2 * values["Nc"]}
    nothing = {**values, "Nc": 0.0}
    with jax.enable_x64(True):
        left = kaplan(1e9, 1e10, **doubled) + kaplan(1e9, 1e10, **nothing)
        right = 2 * kaplan(1e9, 1e10, **values)
    assert abs(left / right - 1) > 1e-3


@KIND
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_follows_the_input(law, dtype):
    inputs, parameters = random_points(law, 3)
    with jax.enable_x64(True):
        found = law(
            *(jnp.asarray(x, dtype) for x in inputs),
            **{name: jnp.asarray(values, dtype) for name, values in parameters.items()},
        )
        weak = law(*(jnp.asarray(x, dtype) for x in inputs), **dict.fromkeys(parameters, 0.5))
    assert found.dtype == dtype
    assert weak.dtype == dtype


@KIND
def test_finite_and_falling_at_the_extremes(law):
    """The ends of the inputs at corners of the plausible ranges: finite, and losses not rising.

    At all corners, or at 1,024 of them.
    """
    ends = [ENDS.get(name, QUANTITIES[name].plausible) for name in law.inputs]
    points = np.array(list(itertools.product(*ends))).T
    names, ranges = list(law.parameters), [p.plausible for p in law.parameters.values()]
    if 2 ** len(ranges) <= MOST_CORNERS:
        corners = np.array(list(itertools.product(*ranges))).T
    else:
        random = np.random.default_rng(6)
        corners = np.stack([random.choice(ends, MOST_CORNERS) for ends in ranges])

    def loss(x, values):
        return law(*x, **dict(zip(names, values, strict=True)))

    def everything(x, values):
        return loss(x, values), jax.grad(loss, (0, 1))(x, values)

    with jax.enable_x64(True):
        over_points = jax.vmap(everything, (1, None))
        over_corners = jax.jit(jax.vmap(over_points, (None, 1)))
        value, (slope, rest) = over_corners(jnp.asarray(points), jnp.asarray(corners))
    assert np.all(np.isfinite(value))
    assert law not in LOSSES or np.all(np.asarray(value) > 0)
    assert np.all(np.isfinite(slope))
    assert np.all(np.isfinite(rest))
    grows = RISING.get(law.name, ()) if law in LOSSES else law.inputs
    falling = [k for k, name in enumerate(law.inputs) if name not in grows]
    # In relative terms, so that rounding of a slope that is zero does not count.
    rising = np.asarray(slope) * np.asarray(points).T / np.asarray(value)[..., None]
    assert np.all(rising[..., falling] <= 1e-15)


@ALL
def test_coordinates_and_parameters_are_inverse(law):
    _, parameters = random_points(law, 20, seed=4)
    with jax.enable_x64(True):
        for name, parameter in law.parameters.items():
            back = parameter.constrain(parameter.unconstrain(jnp.asarray(parameters[name])))
            assert np.asarray(back) == pytest.approx(parameters[name], rel=1e-14)


@ALL
def test_ranges_nest(law):
    for parameter in law.parameters.values():
        low, high = parameter.plausible
        assert parameter.support.lower <= parameter.bounds[0] <= low < high
        assert high <= parameter.bounds[1] <= parameter.support.upper


@ALL
def test_inputs_belong_to_the_vocabulary(law):
    assert {*law.inputs, law.response.symbol} <= set(QUANTITIES)


@ALL
def test_documented(law):
    assert law.cite in CITATIONS
    assert law.about


def parent(law, reduction):
    """The parent in the inputs and parameters that it shares with a law."""
    other = LAWS[reduction.parent]

    def evaluate(inputs, parameters):
        named = dict(zip(law.inputs, inputs, strict=True))
        return other(
            *(named[name] for name in other.inputs),
            **{name: parameters[name] for name in other.parameters},
        )

    return evaluate


REDUCTIONS = [(law, reduction) for law in LAWS.values() for reduction in law.reductions]


@pytest.mark.parametrize(
    ("law", "reduction"), REDUCTIONS, ids=[f"{law.name}-{r.parent}" for law, r in REDUCTIONS]
)
def test_limits_are_the_simpler_law(law, reduction):
    """A61, A116: infinite bits, no repetition, no sparsity ... leave the parent, and its slopes."""
    inputs, parameters = random_points(law, 20, seed=5)
    fixed = {name: np.full(20, value) for name, value in reduction.at.items()}
    inputs = tuple(fixed.get(name, x) for name, x in zip(law.inputs, inputs, strict=True))
    parameters |= {name: value for name, value in fixed.items() if name in parameters}
    simpler = parent(law, reduction)
    shared = {name: parameters[name] for name in LAWS[reduction.parent].parameters}

    def of(function):
        return jax.jit(
            jax.grad(lambda free: jnp.log(function(inputs, {**parameters, **free})).sum())
        )

    with jax.enable_x64(True):
        found = law(*inputs, **parameters)
        expected = simpler(inputs, parameters)
        slopes, wanted = of(lambda x, p: law(*x, **p))(shared), of(simpler)(shared)
    # The same operations but for factors of one: rounding only.
    assert np.asarray(found) == pytest.approx(np.asarray(expected), rel=1e-14)
    for name, slope in wanted.items():
        assert np.asarray(slopes[name]) == pytest.approx(np.asarray(slope), rel=1e-12, abs=1e-300)


class TestPublishedSets:
    @pytest.mark.parametrize(
        ("law", "values"), PUBLISHED, ids=[values.id for _, values in PUBLISHED]
    )
    def test_documented_and_inside_the_bounds(self, law, values):
        assert set(values) == set(law.parameters)
        assert values.source
        assert values.convention
        for name, value in values.items():
            low, high = law.parameters[name].bounds
            assert low < value < high, name
        assert set(values.valid) <= set(law.inputs)
        assert ("N" in law.inputs) == bool(values.counts)

    @pytest.mark.parametrize(
        ("law", "values"), PUBLISHED, ids=[values.id for _, values in PUBLISHED]
    )
    def test_evaluates_where_it_is_valid(self, law, values):
        """In the middle of its runs the response is one that the vocabulary calls plausible."""
        middles = {name: np.sqrt(low * high) for name, (low, high) in values.valid.items()}
        at = {
            name: middles.get(name, np.sqrt(np.prod(RANGES.get(name, middle(name)))))
            for name in law.inputs
        }
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", sj.DataWarning)
            found = float(law.predict(values.id, **at))
        low, high = law.response.plausible
        assert low < found < high

    def test_distinct(self):
        for one in LAWS.values():
            every = [tuple(values.values()) for values in one.published.values()]
            assert len(set(every)) == len(every)

    # Printed allocation tables, one row each: set, C, N*, D*, L*.
    @pytest.mark.parametrize(
        ("published", "C", "N", "D", "loss"),
        [
            ("hoffmann2022", 1e21, 1.824e9, 9.136e10, 2.32888),
            ("hoffmann2022", 5.76e23, 3.219e10, 2.982e12, 1.93075),
            ("besiroglu2024", 3.8e25, 6.187e11, 1.024e13, 1.89171),
        ],
    )
    def test_loss_at_the_optimum(self, published, C, N, D, loss):
        """Values of the law are checked where they were published; N* and D* minimise it there."""
        p = LAWS["chinchilla"].published[published]
        with jax.enable_x64(True):
            value = float(LAWS["chinchilla"](N, D, **p))
            beside = [float(LAWS["chinchilla"](N * f, C / (6 * N * f), **p)) for f in (0.9, 1.1)]
        # N and D are printed to four digits; at a minimum that leaves the loss with eight.
        assert pytest.approx(C, rel=1e-3) == 6 * N * D
        assert value == pytest.approx(loss, abs=3e-5)
        assert value < min(beside)

    @pytest.mark.parametrize(
        ("published", "exponent"),
        [("hoffmann2022", 0.4516), ("hoffmann2022-tex", 0.4565), ("besiroglu2024", 0.5126)],
    )
    def test_exponent_of_compute(self, published, exponent):
        """A8: N* grows as C^(beta/(alpha+beta))."""
        p = LAWS["chinchilla"].published[published]
        assert p["beta"] / (p["alpha"] + p["beta"]) == pytest.approx(exponent, abs=5e-5)

    def test_chinchilla_itself(self):
        """The much-quoted terms of Chinchilla, 70B on 1.4T: 1.69 + .083 + .163 = 1.936."""
        p = LAWS["chinchilla"].published["hoffmann2022"]
        with jax.enable_x64(True):
            whole = float(LAWS["chinchilla"](7e10, 1.4e12, **p))
            model = whole - float(LAWS["chinchilla"](7e10, 1.4e12, **{**p, "A": 0.0}))
            data = whole - float(LAWS["chinchilla"](7e10, 1.4e12, **{**p, "B": 0.0}))
        assert whole == pytest.approx(1.936, abs=1e-3)
        assert (model, data) == pytest.approx((0.083, 0.163), abs=5e-4)

    def test_muennighoff(self):
        """8.7B parameters on 178B unique tokens: 2.19216."""
        p = LAWS["chinchilla_tied"].published["muennighoff2023"]
        with jax.enable_x64(True):
            found = float(LAWS["chinchilla_tied"](8.7e9, 1.78e11, **p))
        assert found == pytest.approx(2.19216, abs=3e-4)

    @pytest.mark.parametrize(
        ("name", "inputs", "loss"),
        [
            ("power_N", (1.5e9,), 2.3036),
            ("power_N", (1.75e11,), 1.6044),
            ("power_D", (2.3e10,), 2.0903),
            ("power_C", (8.64e19,), 2.6581),
            ("kaplan", (1e9, 1e10), 2.41965),
            ("kaplan", (1.5e9, 2.2e10), 2.31255),
            ("kaplan", (1.75e11, 3e11), 1.66096),
        ],
    )
    def test_kaplan(self, name, inputs, loss):
        with jax.enable_x64(True):
            found = float(LAWS[name](*inputs, **LAWS[name].published["kaplan2020"]))
        assert found == pytest.approx(loss, abs=5.1e-5)


class TestPowersAsExponentials:
    @KIND
    def test_same_value_and_derivatives(self, law):
        inputs, parameters = random_points(law, 50, seed=5)
        names, split = list(parameters), len(inputs)
        arguments = (*inputs, *parameters.values())

        def plain(*values):
            return law(*values[:split], **dict(zip(names, values[split:], strict=True)))

        fast = powers_as_exponentials(plain)
        every = tuple(range(len(arguments)))
        with jax.enable_x64(True):
            xs = tuple(jnp.asarray(x) for x in arguments)
            value = np.asarray(jax.jit(jax.vmap(fast))(*xs))
            slopes = jax.jit(jax.vmap(jax.grad(fast, every)))(*xs)
            expected = jax.jit(jax.vmap(jax.grad(plain, every)))(*xs)
            trace = jax.make_jaxpr(fast)(*(x[0] for x in xs))
        assert "pow" not in {equation.primitive.name for equation in trace.eqns}
        # exp(y ln x) rounds y ln x, up to 600 for Kaplan's corner: 600 x 1e-16.
        assert value == pytest.approx(FORMULAS[law.name](*arguments), rel=1e-12)
        for found, reference in zip(slopes, expected, strict=True):
            # Where Kaplan's data term vanishes its slope in alpha_D cancels from terms of 1e5.
            assert np.asarray(found) == pytest.approx(np.asarray(reference), rel=1e-11, abs=1e-9)

    def test_inside_jit_and_with_constants(self):
        table = np.array([1.0, 2.0, 3.0])

        @jax.jit
        def inner(x, y):
            return jnp.sum(jnp.asarray(table) * x**y) + x**2

        fast = powers_as_exponentials(lambda x, y: 2.0 * inner(x, y))
        with jax.enable_x64(True):
            assert float(fast(1.7, 0.3)) == pytest.approx(2 * (6 * 1.7**0.3 + 1.7**2), rel=1e-14)

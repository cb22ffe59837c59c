"""Laws of precision against published and derived numbers, limits, calculus and fits.

Cases A42 to A70 are of the project's list of acceptance numbers. `test_laws.py`,
`test_derivatives.py` and `test_recovery.py` hold what is true of every law in the registry.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import brentq, minimize_scalar

import scalejax as sj
from scalejax.laws import (
    CHEN2025_QAT,
    FRANTAR2025,
    LAWS,
    chinchilla,
    critical_tokens_fp,
    critical_tokens_ptq,
    effective_parameters,
    kumar2024,
    kumar2024_ptq,
    kumar2024_unified,
    optimal_mantissa,
    precision_factor,
    ptq_degradation,
    qat_degradation,
    sun2025,
    zero_point,
)

KUMAR = kumar2024.published["kumar2024"]
PTQ = kumar2024_ptq.published["kumar2024"]
SUN = sun2025.published["sun2025"]
BASE = {name: KUMAR[name] for name in ("E", "A", "alpha", "B", "beta")}
UNIFIED = {**KUMAR, **PTQ, "C_w": 0.2, "C_a": 0.4, "C_kv": 0.8}
INF = math.inf


@pytest.fixture(autouse=True)
def float64():
    with jax.enable_x64(True):
        yield


def share(P_w, P_a, P_kv):
    """N_eff / N of the published coefficients."""
    return float(effective_parameters(1.0, P_w, P_a, P_kv, **KUMAR))


class TestPublishedNumbers:
    @pytest.mark.parametrize(
        ("bits", "expected"),
        [
            (4, 0.19099),
            (5, 0.42706),
            (6, 0.61129),
            (7, 0.74045),
            (8, 0.82776),
            (12, 0.96707),
            (16, 0.99366),
        ],
    )
    def test_share_of_parameters_a42(self, bits, expected):
        assert share(bits, bits, bits) == pytest.approx(expected, abs=1e-5)

    def test_best_common_precision_a46(self):
        """Three equal factors over bits peak where 3x = e^x - 1, x = P/gamma: x = 1.903814."""
        root = brentq(lambda x: 3 * x - math.expm1(x), 1, 3, xtol=1e-14)
        assert root == pytest.approx(1.903814, abs=1e-6)
        gamma = 2.3

        def log_gain(P):
            return 3 * jnp.log(precision_factor(P, gamma)) - jnp.log(P)

        assert float(jax.grad(log_gain)(root * gamma)) == pytest.approx(0, abs=1e-14)
        assert float(jax.grad(jax.grad(log_gain))(root * gamma)) < 0

    def test_four_bits_need_five_times_the_parameters_a52(self):
        """The paper says more than four times."""
        assert share(16, 16, 16) / share(4, 4, 4) == pytest.approx(5.2027, abs=1e-3)
        assert 1 / share(4, 4, 4) == pytest.approx(5.24, abs=5e-3)
        assert share(16, 16, 16) / share(8, 8, 8) == pytest.approx(1.2004, abs=1e-3)

    @pytest.mark.parametrize(
        ("bits", "expected"), [(3, 0.29522), (4, 0.054316), (5, 0.0099932), (6, 0.0018386)]
    )
    def test_post_training_degradation_a56(self, bits, expected):
        found = float(ptq_degradation(2.2e8, 2.6e10, bits, **PTQ))
        assert found == pytest.approx(expected, rel=1e-4)

    @pytest.mark.parametrize(
        ("case", "N", "bits", "tokens"),
        [
            ("A58", 2.2e8, 3, 1.05e10),
            ("A58", 2.2e8, 4, 5.7e10),
            ("A58", 2.2e8, 5, 3.08e11),
            ("A59", 1e9, 4, 9.57e10),
            ("A59", 8e9, 4, 1.95e11),
            ("A59", 3e7, 3, 5.32e9),
        ],
    )
    def test_critical_tokens_a58_a59(self, case, N, bits, tokens):
        """The closed form is the printed number and what a minimiser finds in the law itself."""
        found = float(critical_tokens_ptq(N, bits, **PTQ))
        assert found == pytest.approx(tokens, rel=1e-2), case

        def loss(log_tokens):
            return float(kumar2024_ptq(N, math.exp(log_tokens), bits, **PTQ))

        best = minimize_scalar(loss, bounds=(18, 32), method="bounded", options={"xatol": 1e-10})
        # A minimum is flat: 1e-16 in the loss is 1e-7 in the logarithm of its place.
        assert math.log(found) == pytest.approx(best.x, abs=1e-6)

    @pytest.mark.parametrize(
        ("bits", "expected"), [(3, 0.5587), (4, 0.6964), (6, 0.8563), (8, 0.9320)]
    )
    def test_weights_only_a63(self, bits, expected):
        assert share(bits, INF, INF) == pytest.approx(expected, abs=1e-4)

    @pytest.mark.parametrize(
        ("exponent", "mantissa", "tokens", "printed"),
        [(8, 7, 1.73e15, 1730e12), (4, 3, 2.73e13, 27e12), (2, 1, 3.93e11, 0.4e12)],
    )
    def test_critical_tokens_of_formats_a65(self, exponent, mantissa, tokens, printed):
        found = float(critical_tokens_fp(1e9, exponent, mantissa, 128, **SUN))
        assert found == pytest.approx(tokens, rel=2e-2)
        assert found == pytest.approx(printed, rel=2e-2)  # printed with one or two digits
        slope = jax.grad(lambda D: sun2025(1e9, D, exponent, mantissa, 128, **SUN))
        assert float(slope(0.99 * found)) < 0 < float(slope(1.01 * found))

    @pytest.mark.parametrize(
        ("bits", "mantissa", "layout"), [(4, 1.422, 1), (8, 3.345, 3), (16, 7.190, 7)]
    )
    def test_best_mantissa_a66(self, bits, mantissa, layout):
        """And among whole mantissas it is E2M1, E4M3 and E8M7 that the law prefers."""
        assert optimal_mantissa(bits, **SUN) == pytest.approx(mantissa, abs=2e-3)
        losses = {
            m: float(sun2025(1e9, 1e11, bits - 1 - m, m, 128, **SUN)) for m in range(1, bits - 1)
        }
        assert min(losses, key=losses.__getitem__) == layout

    @pytest.mark.parametrize(
        ("ratio", "G", "expected", "paper"),
        [(100, 32, 1.646, 1.67), (1000, 32, 1.226, 1.20), (1000, 256, 1.647, 1.62)],
    )
    def test_activations_against_weights_a68(self, ratio, G, expected, paper):
        point = (5.95e8, ratio * 5.95e8, G)
        activations = float(qat_degradation(*point, **CHEN2025_QAT["W16A4"]))
        found = activations / float(qat_degradation(*point, **CHEN2025_QAT["W4A16"]))
        assert found == pytest.approx(expected, abs=1e-3)
        assert found == pytest.approx(paper, abs=0.03)

    @pytest.mark.parametrize(
        ("key", "larger"),
        [("weights-4bit", 1.083), ("weights-activations-4bit", 1.339), ("sparse-50%", 1.148)],
    )
    def test_size_that_matches_a_dense_model_a70(self, key, larger):
        """A compressed model that much larger has the loss of the dense one."""
        worth = FRANTAR2025[key]
        assert 1 / worth == pytest.approx(larger, abs=1e-3)
        dense, compressed = (
            float(chinchilla(N, 2e10, **BASE)) for N in (1e9, worth * larger * 1e9)
        )
        assert compressed == pytest.approx(dense, rel=1e-4)

    def test_unverified_numbers_say_so(self):
        for published in CHEN2025_QAT.values():
            assert "Unverified" in published.note
            assert not published.verified
            with pytest.warns(sj.DataWarning, match="unverified"):
                qat_degradation.predict(published.id, N=1e8, D=2e10, block=64)

    def test_how_parameters_are_counted(self):
        assert KUMAR.counts == "non-embedding"
        assert PTQ.counts == "non-embedding"


class TestLimits:
    def test_more_tokens_can_hurt_a60(self):
        """Beyond the critical size the quantised model gets worse; the unquantised one does not."""
        critical = float(critical_tokens_ptq(2.2e8, 3, **PTQ))

        def slope(D, bits):
            return float(jax.grad(lambda D: kumar2024_ptq(2.2e8, D, bits, **PTQ))(D))

        assert slope(0.99 * critical, 3) < 0 < slope(1.01 * critical, 3)
        assert slope(10 * critical, INF) < 0

    @pytest.mark.parametrize(("x", "bits"), [("w", 0.812), ("a", 3.110), ("kv", 2.316)])
    def test_zero_points_a61(self, x, bits):
        """Less than 0.1 % of the parameters is left there, and losses stay finite and ordered."""
        found = zero_point(KUMAR[f"gamma_{x}"], KUMAR[f"n_{x}"])
        assert found == pytest.approx(bits, abs=1e-3)
        order = ("w", "a", "kv").index(x)

        def at(P):
            point = [16.0, 16.0, 16.0]
            point[order] = P
            return share(*point), float(kumar2024(1e9, 2e10, *point, **KUMAR))

        assert at(found)[0] < 1e-3
        losses = [at(P)[1] for P in (0.0, found / 2, found, found + 1e-4, found + 0.1, 16.0)]
        assert np.all(np.isfinite(losses))
        assert np.all(np.diff(losses) < 0)

    def test_no_quantisation_is_the_parent_exactly_a61(self):
        point = (1e9, 2e10)
        parent = float(chinchilla(*point, **BASE))
        for bits in (1e3, INF):
            assert float(kumar2024(*point, bits, bits, bits, **KUMAR)) == parent
            assert float(kumar2024_ptq(*point, bits, **PTQ)) == parent
        after = float(kumar2024_ptq(*point, 4, **PTQ))
        assert float(kumar2024_unified(*point, INF, INF, INF, 4, **UNIFIED)) == after
        assert float(kumar2024_unified(*point, INF, INF, INF, INF, **UNIFIED)) == parent

    @pytest.mark.parametrize("post", [4.0, 5.0, 16.0])
    def test_nothing_to_quantise_costs_nothing_a61(self, post):
        """P_post = P_train, and P_post above it."""
        point = (1e9, 2e10, 4.0, 4.0, 4.0)
        trained = float(kumar2024(*point, **KUMAR))
        assert float(kumar2024_unified(*point, post, **UNIFIED)) == trained

    def test_pieces_compose_with_any_law(self):
        point = (1e9, 2e10, 4.0, 6.0, 8.0)
        theta = {**BASE, "gamma": 0.9}
        size = effective_parameters(point[0], *point[2:], **KUMAR)
        outer = LAWS["outer_exponent"]
        assert float(outer(size, 2e10, **theta)) > float(outer(1e9, 2e10, **theta))
        assert float(chinchilla(size, 2e10, **BASE)) == float(kumar2024(*point, **KUMAR))

    def test_many_exponent_bits_give_chinchilla(self):
        n, d, eps = (SUN[name] for name in ("n", "d", "eps"))
        parent = chinchilla(1e9, 1e11, E=eps, A=n, alpha=SUN["alpha"], B=d, beta=SUN["beta"])
        found = float(sun2025(1e9, 1e11, 1e6, 1e6, 128, **SUN))
        assert found == pytest.approx(float(parent), rel=1e-14)
        # One number per scaling factor has no error of its own in this law.
        assert float(sun2025(1e9, 1e11, 2, 1, 1, **SUN)) == pytest.approx(float(parent), rel=1e-14)


POINTS = {
    "kumar2024": [(1e9, 2e10, 4.0, 5.0, 6.0), (3e7, 1e12, 16.0, 3.5, 3.0)],
    "kumar2024 with too few bits": [(1e9, 2e10, 0.5, 2.0, 1.0), (1e9, 2e10, 16.0, 3.0, 16.0)],
    "kumar2024_ptq": [(1e9, 2e10, 4.0), (3e7, 1e12, 3.0)],
    "kumar2024_unified": [(1e9, 2e10, 8.0, 6.0, 6.0, 4.0), (1e9, 2e10, 4.0, 6.0, 6.0, 5.0)],
    "sun2025": [(1e9, 2e10, 4.0, 3.0, 128.0), (3e7, 1e12, 2.0, 1.0, 32.0)],
}
THETA = {"kumar2024": KUMAR, "kumar2024_ptq": PTQ, "kumar2024_unified": UNIFIED, "sun2025": SUN}
CASES = [(name.split()[0], point) for name, points in POINTS.items() for point in points]


class TestCalculus:
    @pytest.mark.parametrize(("name", "point"), CASES)
    def test_gradients_in_inputs_and_parameters(self, name, point):
        """Central differences of ln L in the logarithm of everything.

        A step of 1e-5 leaves its square times a third derivative, which near a zero point is 1e3
        times the slope; rounding leaves 1e-16 / 1e-5.
        """
        law, theta = LAWS[name], THETA[name]
        names, size = list(law.parameters), len(point)

        def log_loss(u):
            values = jnp.exp(u)
            found = law(*values[:size], **dict(zip(names, values[size:], strict=True)))
            return jnp.log(found)

        u = np.log([*point, *(theta[name] for name in names)])
        step = 1e-5 * np.eye(len(u))
        log_losses = jax.jit(jax.vmap(log_loss))
        expected = np.asarray(log_losses(u + step) - log_losses(u - step)) / 2e-5
        found = np.asarray(jax.jit(jax.grad(log_loss))(u))
        assert found == pytest.approx(expected, rel=1e-6, abs=1e-9)

    def test_slope_is_continuous_where_the_factor_is_continued(self):
        gamma, n = 2.0, 1.5
        joint = (n + 1e-3) * gamma
        value, slope = (f(precision_factor) for f in (lambda f: f, jax.grad))
        for f in (value, slope):
            below, above = (float(f(joint * (1 + side * 1e-9), gamma, n)) for side in (-1, 1))
            # 3e-9 bits apart, where the slope's own logarithm changes by 1e3 per bit.
            assert below == pytest.approx(above, rel=1e-5)

    @pytest.mark.parametrize("bits", [0.0, 2.0, 3.11, INF])
    def test_derivatives_stay_finite(self, bits):
        """No bits at all, too few, at the zero point of activations, and not quantised."""

        def loss(bits, theta):
            return kumar2024_unified(1e9, 2e10, bits, bits, bits, bits, **theta)

        theta = {name: jnp.asarray(value) for name, value in UNIFIED.items()}
        leaves = jax.tree.leaves(jax.value_and_grad(loss, (0, 1))(jnp.asarray(bits), theta))
        assert np.all(np.isfinite(leaves))

    @pytest.mark.parametrize(("name", "point"), CASES)
    def test_float32_is_close(self, name, point):
        """Distances to a zero point cancel to 1e-6 of what is left; otherwise 40 x 6e-8."""
        law, theta = LAWS[name], THETA[name]
        exact = float(law(*point, **theta))
        single = law(
            *(jnp.float32(x) for x in point),
            **{name: jnp.float32(value) for name, value in theta.items()},
        )
        assert single.dtype == np.float32
        assert float(single) == pytest.approx(exact, rel=1e-5)


@sj.law(
    linear=("E", "A", "B"),
    plausible={"A": (1.0, 1e5), "B": (1.0, 1e5), "alpha": (0.05, 1.5), "gamma_w": (0.5, 5.0)},
)
def weights_only(
    N,
    D,
    P_w,
    *,
    E: sj.Positive,
    A: sj.Positive,
    alpha: sj.Positive,
    B: sj.Positive,
    gamma_w: sj.Positive,
    n_w: sj.Real,
):
    """A law of one's own from the pieces, as the docs of `scalejax.laws.precision` show it."""
    size = N * precision_factor(P_w, gamma_w, n_w)
    return chinchilla(size, D, E=E, A=A, alpha=alpha, B=B, beta=alpha)


class TestFits:
    """The paper's sizes and tokens under names as tables have, without noise."""

    def table(self, P_a, P_kv):
        sizes, tokens = [3e7, 6e7, 1.1e8, 2.2e8], [1.5e9, 6e9, 2.6e10]
        N, D, P_w = (x.ravel() for x in np.meshgrid(sizes, tokens, [3.0, 4.0, 6.0, 8.0, 16.0]))
        random = np.random.default_rng(0)
        P_a, P_kv = (random.permutation(np.resize(np.array(x, float), len(N))) for x in (P_a, P_kv))
        loss = np.asarray(kumar2024(N, D, P_w, P_a, P_kv, **KUMAR))
        bits = {"weight_bits": P_w, "act_bits": P_a, "kv_bits": P_kv}
        return {"params": N, "tokens": D, **bits, "loss": loss}

    @pytest.mark.slow
    def test_exponents_tied_as_in_the_paper(self):
        runs = self.table((4, 5, 6, 8, 16), (4, 5, 6, 8, 16))
        fit = sj.fit(runs, "kumar2024", tied={"beta": "alpha"}, resamples=0)
        assert fit.status == sj.Status.CONVERGED
        assert fit.params == pytest.approx(dict(KUMAR), rel=1e-7)

    @pytest.mark.slow
    def test_law_of_ones_own_for_weights_only(self):
        runs = self.table(INF, INF)
        fit = sj.fit(runs, weights_only, resamples=0)
        expected = {name: KUMAR[name] for name in weights_only.parameters}
        assert fit.status == sj.Status.CONVERGED
        assert fit.params == pytest.approx(expected, rel=1e-7)

    def test_bits_that_never_vary_are_refused(self):
        with pytest.raises(sj.InputError, match=r"E131 column 'act_bits'.*P_a"):
            sj.fit(self.table(16, 16), "kumar2024", resamples=0)

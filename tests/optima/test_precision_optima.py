"""Optima of precision against the numbers of Kumar et al., and training beyond them."""

import math

import jax
import numpy as np
import pytest
from published_optima import D, N, closed_form
from scipy.optimize import brentq

from scalejax.costs import (
    precision_weighted_flop,
)
from scalejax.laws.formats import SUN2025, sun2025
from scalejax.laws.kumar import KUMAR2024, KUMAR2024_PTQ, kumar2024, kumar2024_ptq
from scalejax.laws.precision import critical_tokens_ptq
from scalejax.optima import Measure, Problem, Variable, solve
from scalejax.status import Outcome

KUMAR = dict(KUMAR2024)
BITS = Variable("P", 4.0, 40.0, scale="linear", unit="bits")


def _trained(x, a):
    return kumar2024(x["N"], x["D"], x["P"], x["P"], x["P"], **a["law"])


quantised = Measure("loss", _trained, "nats/token")
weighted = Measure(
    "compute",
    lambda x, a: precision_weighted_flop(x["N"], x["D"], x["P"], x["P"]),
    "FLOP at 16 bits",
)
TRAINED = Problem((N, D, BITS), minimize=quantised, subject_to=(weighted.at_most("budget"),))
AT_BITS, OF_SIZE = TRAINED.holding("P"), TRAINED.holding("N")


def kumar_factor(bits):
    """The three factors at a common number of bits."""
    parts = (1 - math.exp(KUMAR[f"n_{x}"] - bits / KUMAR[f"gamma_{x}"]) for x in ("w", "a", "kv"))
    return math.prod(parts)


class TestKumar:
    """Equations 6 and 17, 7 and 28, 12 of the paper do not follow from its law; these do."""

    @pytest.mark.parametrize("budget", [1e20, 1e24])
    def test_a43_compute_optimal_precision_at_any_budget(self, budget):
        found = solve(TRAINED, {"law": KUMAR, "budget": budget})
        assert found.outcome == Outcome.SOLVED
        assert found.decision["P"] == pytest.approx(7.00211, abs=1e-3)
        # The closed form of its law: the root of d/dP [ln f(P) - ln P].
        condition = lambda p: (  # noqa: E731
            (math.log(kumar_factor(p + 1e-5)) - math.log(kumar_factor(p - 1e-5))) / 2e-5 - 1 / p
        )
        assert found.decision["P"] == pytest.approx(brentq(condition, 5, 12), rel=1e-8)

    def test_a46_common_sensitivity_without_offsets(self):
        law = KUMAR | dict.fromkeys(("n_w", "n_a", "n_kv"), 0.0)
        law |= dict.fromkeys(("gamma_w", "gamma_a", "gamma_kv"), 4.0)
        found = solve(TRAINED, {"law": law, "budget": 1e22})
        assert found.decision["P"] / 4.0 == pytest.approx(1.903814, abs=1e-6)

    @pytest.mark.parametrize(
        ("bits", "size", "tokens", "least"),
        [(4.0, 1.392e10, 4.789e10, 2.94470), (8.0, 4.729e9, 7.049e10, 2.91327)],
        ids=["A47", "A48"],
    )
    def test_allocation_at_fixed_bits(self, bits, size, tokens, least):
        found = solve(AT_BITS, {"law": KUMAR, "budget": 1e21, "held": {"P": bits}})
        assert found.decision["N"] == pytest.approx(size, rel=1e-3)
        assert found.decision["D"] == pytest.approx(tokens, rel=1e-3)
        assert found.goal == pytest.approx(least, abs=1e-5)
        alpha, beta, share = KUMAR["alpha"], KUMAR["beta"], kumar_factor(bits)
        plain = closed_form(KUMAR, 1e21)
        shift = share ** (-alpha / (alpha + beta)) * (bits / 16) ** (-beta / (alpha + beta))
        assert found.decision["N"] == pytest.approx(plain[0] * shift, rel=1e-9)

    def test_a52_four_bits_need_four_times_the_parameters(self):
        assert kumar_factor(16) / kumar_factor(4) == pytest.approx(5.2027, abs=1e-3)
        assert kumar_factor(16) / kumar_factor(8) == pytest.approx(1.2004, abs=1e-3)

    @pytest.mark.slow
    def test_a53_a55_overtraining_wants_more_bits(self):
        ratios = np.array([20, 1e2, 1e3, 1e4, 1e5])
        found = [self.bits_of(1e9, 1e9 * ratio) for ratio in ratios]
        assert found == pytest.approx([8.241, 10.090, 12.960, 15.913, 18.887], abs=5e-3)
        slope = (found[4] - found[3]) / math.log(10)
        assert slope == pytest.approx(1.2917, abs=1e-3)
        far = self.bits_of(1e9, 1e16), self.bits_of(1e9, 1e17)
        limit = KUMAR["beta"] * KUMAR["gamma_w"]
        assert (far[1] - far[0]) / math.log(10) == pytest.approx(limit, abs=0.02)

    @pytest.mark.parametrize(("size", "bits"), [(8e9, 13.76), (70e9, 11.02), (405e9, 8.92)])
    def test_a54_shapes_of_llama_3(self, size, bits):
        assert self.bits_of(size, 15e12) == pytest.approx(bits, abs=0.01)

    def bits_of(self, size, tokens):
        """Best bits for a size and the compute that 16 bits would have."""
        args = {"law": KUMAR, "budget": 6 * size * tokens, "held": {"N": size}}
        return solve(OF_SIZE, args).decision["P"]

    def test_a62_sensitivities_of_the_bits(self):
        found = solve(TRAINED, {"law": KUMAR, "budget": 1e22})
        assert found.decision["P"] == pytest.approx(7.002109, abs=1e-6)
        slopes = found.elasticities()
        by = {name: slopes[f"law.{name}"]["P"] / KUMAR[name] for name in KUMAR}
        expected = {
            "gamma_w": 0.51942,
            "gamma_a": 2.13516,
            "gamma_kv": 0.93317,
            "n_w": 0.80911,
            "n_a": 2.01674,
            "n_kv": 0.14147,
        }
        assert {name: by[name] for name in expected} == pytest.approx(expected, rel=1e-4)
        assert slopes["budget"]["P"] == pytest.approx(0.0, abs=1e-9)


PTQ = dict(KUMAR2024_PTQ)
TOKENS = Variable("D", 1e6, 1e20, unit="tokens")


def _split(mantissa, bits):
    """Capybara's loss with all bits but the sign's and the mantissa's in the exponent."""
    return sun2025(1e9, 1e13, bits - 1 - mantissa, mantissa, 128.0, **SUN2025)


class TestTooMuchTraining:
    """Laws in which more tokens hurt: the optimum needs no constraint."""

    after = Problem(
        (TOKENS,),
        Measure("loss", lambda x, a: kumar2024_ptq(a["N"], x["D"], a["bits"], **PTQ), "nats/token"),
    )
    floating = Problem(
        (TOKENS,),
        Measure("loss", lambda x, a: sun2025(a["N"], x["D"], *a["format"], **SUN2025)),
    )
    shared_out = Problem(
        (Variable("share", 0.0, 1.0, scale="linear"),),
        Measure("loss", lambda x, a: _split(x["share"] * (a["bits"] - 1), a["bits"])),
    )

    @pytest.mark.parametrize(("size", "bits"), [(2.2e8, 3.0), (2.2e8, 5.0), (8e9, 4.0), (3e7, 3.0)])
    def test_a58_a59_critical_tokens_after_quantisation(self, size, bits):
        """The closed form, which is compared with the printed numbers in test_precision_laws."""
        found = solve(self.after, {"N": size, "bits": bits})
        assert found.outcome == Outcome.SOLVED
        with jax.enable_x64(True):
            expected = float(critical_tokens_ptq(size, bits, **PTQ))
        assert found.decision["D"] == pytest.approx(expected, rel=1e-9)

    def test_a60_more_training_hurts_beyond(self):
        args = {"N": 2.2e8, "bits": 3.0}
        found = solve(self.after, args)
        with jax.enable_x64(True):
            slope = jax.grad(lambda d: self.after.minimize({"D": d}, args))
            here = found.decision["D"]
            assert float(slope(0.99 * here)) < 0 < float(slope(1.01 * here))

    @pytest.mark.parametrize(
        ("E", "M", "tokens", "printed"),
        [(8, 7, 1.73e15, 1.730e15), (4, 3, 2.73e13, 2.7e13), (2, 1, 3.93e11, 4e11)],
    )
    def test_a65_critical_tokens_of_capybara(self, E, M, tokens, printed):
        found = solve(self.floating, {"N": 1e9, "format": np.array([E, M, 128.0])})
        assert found.decision["D"] == pytest.approx(tokens, rel=0.02)
        assert found.decision["D"] == pytest.approx(printed, rel=0.02)

    @pytest.mark.parametrize(
        ("bits", "mantissa"), [(4, 1.422), (8, 3.345), (16, 7.190)], ids=["E2M1", "E4M3", "E8M7"]
    )
    def test_a66_optimal_mantissa_of_capybara(self, bits, mantissa):
        found = solve(self.shared_out, {"bits": float(bits)})
        assert found.decision["share"] * (bits - 1) == pytest.approx(mantissa, abs=2e-3)

"""What N counts: FLOP and memory of every law and set against counts written down here."""

import jax
import numpy as np
import pytest

import scalejax as sj
from scalejax.costs import Architecture, count_parameters
from scalejax.laws import LAWS, Sizes, as_counted, not_idle, with_experts
from scalejax.planning import plan

N, D = 2e9, 3e11
INPUTS = {
    "experts": 16.0,
    "granularity": 4.0,
    "sparsity": 0.75,
    "N_v": 1e8,
    "L_teacher": 2.2,
    "E_bits": 4.0,
    "M_bits": 3.0,
    "block": 128.0,
    "P_post": 8.0,
    "bits": 16.0,
}
ACTIVE = {
    "krajewski2024/krajewski2024": lambda N: N / 43,
    "ludziejewski2025/ludziejewski2025": lambda N: N,
    "abnar2025/abnar2025": lambda N: N * (1 - INPUTS["sparsity"]),
}
"""Of the sets whose models are not dense, as their papers have it."""
TOTAL = {
    "krajewski2024/krajewski2024": lambda N: N,
    "ludziejewski2025/ludziejewski2025": lambda N: N * (4 + 8 * INPUTS["experts"]) / 12,
    "abnar2025/abnar2025": lambda N: N,
}
SETS = [f"{law.name}/{id}" for law in LAWS.values() for id in law.published]
NOT_DENSE = {"experts", "granularity", "sparsity"}


def inputs_of(law):
    names = {"bits" if name in ("P_w", "P_a", "P_kv") else name for name in law.inputs}
    return {name: INPUTS[name] for name in names & set(INPUTS)}


@pytest.mark.parametrize("name", SETS)
def test_compute_is_counted_from_what_n_counts_or_refused(name):
    """6 FLOP for each active parameter and token, and bytes for each that has to be kept."""
    law = LAWS[name.partition("/")[0]]
    question = {
        "params": N,
        "tokens": D,
        "inputs": inputs_of(law),
        "hardware": "h100",
        "output_tokens": 1e12,
        "memory": 1e15,
        "latency": 1e3,
    }
    if "U" in law.inputs:
        question["unique_tokens"] = D
    is_planned = {"N", "D"} <= set(law.inputs) and law.response.symbol == "loss"
    if not is_planned or (name not in ACTIVE and NOT_DENSE & set(law.inputs)):
        with pytest.raises(sj.UsageError, match="active_per_n=" if is_planned else "plans are for"):
            plan(name, **question)
        return
    found = plan(name, **question)
    active, total = ACTIVE.get(name, float)(N), TOTAL.get(name, float)(N)
    assert found["training compute"] == pytest.approx(6 * active * D, rel=1e-12)
    assert found["compute with serving"] == pytest.approx(
        6 * active * D + 2 * active * 1e12, rel=1e-12
    )
    assert found["GPU-hours"] == pytest.approx(6 * active * D / (989e12 * 0.4) / 3600, rel=1e-9)
    assert found["weights"] == pytest.approx(2 * total, rel=1e-12)
    # One token reads the weights that it uses, and reading takes far longer than arithmetic.
    assert found["time per token"] == pytest.approx(2 * active / (3.35e12 * 0.6), rel=1e-3)


@pytest.mark.parametrize("name", SETS)
def test_sizes_are_what_sets_say_that_n_counts(name):
    law_name, _, id = name.partition("/")
    published = LAWS[law_name].published[id]
    sizes = LAWS[law_name].sizes_of(published)
    if {"N", "D"} <= set(LAWS[law_name].inputs) and NOT_DENSE & set(LAWS[law_name].inputs):
        assert (sizes.active is as_counted) == (published.counts == "active")
        assert (sizes.total is as_counted) == (published.counts == "total")


class TestOptimum:
    @pytest.fixture(scope="class")
    @classmethod
    def routed(cls):
        return plan("krajewski2024", budget=1e23, inputs={"granularity": 8})

    def test_the_budget_is_spent_on_active_parameters(self, routed):
        """The published law in closed form, N in all, at the N and D that 6 N/43 D = C leaves."""
        p = LAWS["krajewski2024"].published["krajewski2024"]
        A = p["g"] * 8 ** -p["gamma"] + p["A"]
        ratio = (p["alpha"] * A / (p["beta"] * p["B"])) ** (1 / (p["alpha"] + p["beta"]))
        size = ratio * (43 * 1e23 / 6) ** (p["beta"] / (p["alpha"] + p["beta"]))
        assert routed["N"] == pytest.approx(size, rel=1e-6)
        assert 6 * routed["active parameters"] * routed["D"] == pytest.approx(1e23, rel=1e-9)
        assert "active)" in routed.headline

    def test_a_number_of_ones_own_is_the_same_plan(self, routed):
        """The law with parameters of one's own does not know how many are active."""
        values = dict(LAWS["krajewski2024"].published["krajewski2024"])
        own = {"parameters": values, "budget": 1e23, "inputs": {"granularity": 8}}
        with pytest.raises(sj.UsageError, match="active_per_n="):
            plan("krajewski2024", **own)
        found = plan("krajewski2024", **own, active_per_n=1 / 43)
        assert found["N"] == pytest.approx(routed["N"], rel=1e-6)

    def test_a_saved_one_is_the_plan_again(self, routed, tmp_path):
        again = sj.load_plan(routed.save(tmp_path / "plan"))
        assert again["N"] == routed["N"]


class TestFunctions:
    def test_experts_are_those_of_an_architecture(self):
        """Layers alone, of the usual shape: attention 4, an expert 8 squares of the width."""
        shape = {"layers": 12, "width": 1024, "heads": 16, "feed_forward": 4096, "vocabulary": 0}
        count = count_parameters(Architecture(**shape, experts=8, gated=False))
        routers = 12 * 8 * 1024
        total = count.attention + count.feed_forward - routers
        active = total - count.idle
        assert with_experts(active, 8) == pytest.approx(total, rel=1e-12)

    def test_nothing_idle_is_dense(self):
        assert not_idle(7.0, sparsity=0.0) == with_experts(7.0, experts=1.0) == as_counted(7.0)

    def test_slopes_are_finite(self):
        slopes = jax.grad(lambda N, S: not_idle(N, S), argnums=(0, 1))(7.0, 0.5)
        assert np.isfinite(slopes).all()


def test_a_law_of_ones_own_declares_what_it_counts():
    @sj.law(sizes=Sizes(not_idle, as_counted))
    def own(N, D, sparsity, *, A: sj.Positive):
        return A * (1 + 1 / N + 1 / D) * (1 + sparsity)

    found = plan(own, parameters={"A": 2.0}, params=N, tokens=D, inputs={"sparsity": 0.5})
    assert found["training compute"] == pytest.approx(3 * N * D)

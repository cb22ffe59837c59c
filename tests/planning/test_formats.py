"""Formats of a plan whose law knows no bits: published ones, grafted as repetition is."""

import numpy as np
import pytest

import scalejax as sj
from scalejax.laws import LAWS
from scalejax.planning import plan

OWN = LAWS["chinchilla"].published["besiroglu2024"]
BITS = LAWS["kumar2024"].published["kumar2024"]


@pytest.fixture(scope="module")
def grafted():
    return plan("besiroglu2024", budget=1e22, precisions=("fp8", "bf16"))


def share(bits):
    """What is left of the parameters, written out."""
    factors = [1 - np.exp(BITS[f"n_{x}"] - bits / BITS[f"gamma_{x}"]) for x in ("w", "a", "kv")]
    return np.prod(factors)


def test_each_format_has_chinchillas_optimum_of_the_parameters_that_it_leaves(grafted):
    """6 N D in FLOP at 16 bits: half of it at 8, of A over the share to the power alpha."""
    for name, bits in (("fp8", 8), ("bf16", 16)):
        A = OWN["A"] * share(bits) ** -OWN["alpha"]
        total = OWN["alpha"] + OWN["beta"]
        ratio = (OWN["alpha"] * A / (OWN["beta"] * OWN["B"])) ** (1 / total)
        size = ratio * (1e22 / 6 * 16 / bits) ** (OWN["beta"] / total)
        assert grafted.options[name].decision["N"] == pytest.approx(size, rel=1e-5)


def test_it_is_said_that_the_bits_are_borrowed(grafted):
    text = " ".join(grafted.summary().split())
    assert "bits as in arXiv:2411.04330" in text
    assert "What bits cost is borrowed" in text
    assert "The loss of each under every published law of bits" in text


def test_the_plans_own_law_is_among_those_that_are_compared(grafted):
    own = grafted.bits.set_index("set").loc["kumar2024"]
    for name, answer in grafted.options.items():
        assert own[name] == pytest.approx(answer.goal, rel=1e-9)
    others = grafted.bits.drop(columns="set").to_numpy(float)
    # Kumar's quantiser is the coarsest: the others are nearer to the law without bits.
    assert (others[0] >= others).all()


def test_many_bits_are_the_law_itself():
    found = plan("besiroglu2024", params=1e9, tokens=2e10, precisions=("bf16",))
    plain = plan("besiroglu2024", params=1e9, tokens=2e10)
    assert plain["loss"] < found["loss"] < plain["loss"] + 0.01


def test_a_saved_one_of_given_parameters_is_the_plan_again(tmp_path):
    held = {"params": 1e9, "tokens": 2e10, "precisions": ("fp8", "bf16")}
    found = plan("chinchilla", parameters=dict(OWN), **held)
    again = sj.load_plan(found.save(tmp_path / "plan"))
    assert again.to_dict() == found.to_dict()


def test_other_laws_are_refused():
    with pytest.raises(sj.UsageError, match="onto which published bits can be grafted, not kaplan"):
        plan("kaplan/kaplan2020", budget=1e22, precisions=("fp8",))

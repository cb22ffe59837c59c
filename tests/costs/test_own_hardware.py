"""Accelerators of one's own: the same numbers from keywords, mappings and files, and refusals."""

import pytest

import scalejax as sj
from scalejax.costs import hardware_of
from scalejax.planning import plan

ENTRIES = {"peak": "165T", "price": 0.35, "memory": "24GB", "bandwidth": "1008 GB/s"}
FILE = """
name = "mine"
peaks = { bf16 = "165 TFLOP/s", fp8 = 330e12 }
memory = "24GB"
bandwidth = "1008 GB/s"
usd_per_hour = "$0.35"
"""


def test_numbers_and_files_agree(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(FILE)
    own, read = hardware_of(ENTRIES), hardware_of(str(path))
    for name in ("memory", "bandwidth", "usd_per_hour", "power"):
        assert getattr(own, name) == getattr(read, name)
    assert own.peak() == read.peak("fp16") == 165e12
    assert read.peak("fp8") == 330e12
    assert hardware_of(read) is read


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"peak": "165T", "memry": 1e9}, "memory"),
        ({"memory": "24GB"}, "there is no peak"),
        ({"peak": 165}, "too little"),
        ({"peak": "165T", "memory": 24}, "24GB"),
        ({"peak": "165T", "memory": "24B"}, "bytes or billions"),
        ({"peak": "fast"}, "no amount"),
        ({"peak": -1e14}, "must be a positive number"),
        ({"peak": "165T", "price": 1, "usd_per_hour": 1}, "say the same"),
        ({"peaks": {"fp12": 1e14}}, "fp12"),
        ({"peaks": 3}, "there is no peak"),
        ({"peak": True}, "must be a finite number, not True"),
        ({"peak": [1]}, "peak"),
    ],
)
def test_is_refused(entries, message):
    with pytest.raises(sj.UsageError, match=message):
        hardware_of(entries)


def test_everything_is_said_at_once():
    with pytest.raises(sj.UsageError, match=r"memry.*no peak.*power"):
        hardware_of({"memry": 1, "power": -1})


@pytest.mark.parametrize("text", ["peak = ", "peak = 1\npeak = 2", "\x00"])
def test_files_that_cannot_be_read(tmp_path, text):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(sj.UsageError, match="cannot be read as TOML"):
        hardware_of(str(path))
    with pytest.raises(sj.UsageError, match="there is no file"):
        hardware_of(str(tmp_path / "none.toml"))


def test_a_plan_with_it(tmp_path):
    question = {"usd": 500, "usd_per_hour": 0.35}
    short = plan("besiroglu2024", peak="165T", **question)
    record = plan("besiroglu2024", hardware={**ENTRIES, "name": "mine"}, usd=500)
    assert short["N"] == record["N"]
    assert short["dollars"] == pytest.approx(500)
    flop_per_dollar = 165e12 * 0.4 * 3600 / 0.35
    assert short["training compute"] == pytest.approx(500 * flop_per_dollar)
    record.save(tmp_path / "plan")
    assert sj.load_plan(tmp_path / "plan").summary() == record.summary()


def test_what_is_not_known_is_asked():
    with pytest.raises(sj.UsageError, match="usd= needs usd_per_hour=: no price"):
        plan("besiroglu2024", usd=500, peak="165T")
    with pytest.raises(sj.UsageError, match="latency= needs the bandwidth"):
        plan("besiroglu2024", budget=1e21, latency=0.1, peak="165T")
    with pytest.raises(sj.UsageError, match="leave out hardware="):
        plan("besiroglu2024", budget=1e21, hardware="h100", peak="165T")
    with pytest.raises(sj.UsageError, match="no price of RTX-4090 is known"):
        sj.design("besiroglu2024", usd=500, hardware="4090")
    hours = plan("besiroglu2024", budget=1e21, hardware="4090")
    assert "dollars" not in set(hours.numbers["quantity"])
    assert hours["GPU-hours"] == pytest.approx(1e21 / (165.2e12 * 0.4) / 3600)
    assert "no price of RTX-4090 is known here" in " ".join(hours.warnings)

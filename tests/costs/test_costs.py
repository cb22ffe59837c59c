"""Costs: dimensions of every formula, amounts as text, and costs as functions."""

import math
from dataclasses import replace
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cost_cases import LLAMA2_7B, LLAMA3_8B, SERVED
from hypothesis import given
from hypothesis import strategies as st

import scalejax as sj
from scalejax import costs
from scalejax.costs import Amount, Dimension, parse_amount

SIZE = {"N": "7B parameters"}
RUN = {**SIZE, "D": "2T tokens"}
PEAKS = {"peak": "989 TFLOP/s", "bandwidth": "3.35 TB/s"}
PARTS = {"compute_utilisation": "0.4", "bandwidth_utilisation": "0.6", "overhead": "1 ms"}
RATES = costs.Rates(4e14, 2e12, 1e-3)
CACHE = {"architecture": LLAMA3_8B, "tokens": "8192 tokens"}
BITS = {"weight_bits": "8", "kv_bits": "8"}
REQUEST = {"input_tokens": "70 tokens", "output_tokens": "215 tokens"}


def of(*shared, **texts):
    """Arguments of a formula, as texts or records."""
    return {key: value for part in (*shared, texts) for key, value in part.items()}


# Every formula of the room with all its arguments, and the unit of its result: none for records.
FORMULAS = {
    "training_flop": (RUN, "FLOP"),
    "inference_flop": (of(SIZE, tokens="2T tokens"), "FLOP"),
    "precision_weighted_flop": (of(RUN, forward_bits="8", backward_bits="16"), "FLOP"),
    "attention_flop_per_token": (
        of(architecture=LLAMA2_7B, attended="4096 tokens"),
        "FLOP/token",
    ),
    "forward_flop_per_token": (of(architecture=LLAMA2_7B, attended="4096 tokens"), "FLOP/token"),
    "causal_mean": (of(length="4096 tokens"), "tokens"),
    "shaped_training_flop": (
        of(architecture=LLAMA2_7B, D="2T tokens", context="4096 tokens"),
        "FLOP",
    ),
    "shaped_inference_flop": (of(REQUEST, architecture=LLAMA2_7B, requests="1e9"), "FLOP"),
    "weight_bytes": (of(SIZE, bits="4"), "bytes"),
    "kv_bytes_per_token": (of(architecture=LLAMA3_8B, bits="8"), "bytes/token"),
    "kv_cache_bytes": (of(CACHE, sequences="4", bits="8"), "bytes"),
    "serving_bytes": (of(CACHE, BITS, sequences="4"), "bytes"),
    "largest_batch": (of(CACHE, BITS, memory="80 GB", usable="0.9"), "1"),
    "training_bytes": (of(SIZE, recipe="adam-mixed"), "bytes"),
    "rates_reached": (of(PEAKS, PARTS), None),
    "roofline_seconds": (of(flop="2 PFLOP", moved="14 GB", rates=RATES, sharpness="8"), "s"),
    "serve_size": (of(SIZE, bits="8"), None),
    "serve_architecture": (of(BITS, architecture=LLAMA2_7B), None),
    "prefill_seconds": (of(served=SERVED, prompt="1000 tokens", batch="4", rates=RATES), "s"),
    "decode_seconds": (of(served=SERVED, context="1000 tokens", batch="4", rates=RATES), "s"),
    "request_seconds": (
        of(
            {"served": SERVED, "prompt": "1000 tokens", "output": "200 tokens", "batch": "4"},
            {"prefill": RATES, "decode": RATES},
        ),
        "s",
    ),
    "throughput": (of(output="200 tokens", batch="4", request_time="2 s"), "tokens/s"),
    "gpu_hours": (of(flop="1 ZFLOP", peak="989 TFLOP/s", mfu="0.4"), "h"),
    "training_hours_by_precision": (
        of(RUN, forward_peak="1979 TFLOP/s", backward_peak="989 TFLOP/s", mfu="0.4"),
        "h",
    ),
    "calendar_days": (of(hours="1000 GPU-hours", gpus="8 GPUs", uptime="0.9"), "days"),
    "utilisation": (of(flop="1 ZFLOP", hours="1000 GPU-hours", peak="989 TFLOP/s"), "1"),
    "rental_usd": (of(hours="1000 GPU-hours", usd_per_hour="$2/h"), "USD"),
    "usd_per_flop": (of(usd_per_hour="$2/h", peak="989 TFLOP/s"), "USD/FLOP"),
    "lifetime_usd": (
        of(
            RUN,
            REQUEST,
            {"training_price": "$6e-19/FLOP", "inference_price": "$3e-19/FLOP"},
            {"training_mfu": "0.5", "input_mfu": "0.5", "output_mfu": "0.01"},
        ),
        "USD",
    ),
    "energy_joules": (of(hours="1000 GPU-hours", power="700 W", pue="1.2", load="0.9"), "kWh"),
    "electricity_usd": (of(energy="1 MWh", usd_per_kwh="$0.1/kWh"), "USD"),
    "co2_grams": (of(energy="1 MWh", grams_per_kwh="400 g/kWh"), "g"),
    "demand_in_total": (of(tokens="2T tokens", output_share="0.5"), None),
    "demand_in_requests": (of(REQUEST, requests="1e9"), None),
    "demand_at_rate": (
        of(REQUEST, requests_per_second="10 requests/s", lifetime="2 years"),
        None,
    ),
}


def amounts_of(name):
    """The arguments of a formula, texts read as amounts."""
    arguments, _ = FORMULAS[name]
    return {
        key: parse_amount(value) if isinstance(value, str) and key != "recipe" else value
        for key, value in arguments.items()
    }


def rescaled(amount, base, factor):
    """The same after the base unit of `base` became `factor` times smaller; records of time too."""
    if isinstance(amount, costs.Rates) and base == "s":
        return costs.Rates(amount.flop / factor, amount.bytes / factor, amount.overhead * factor)
    if not isinstance(amount, Amount):
        return amount
    power = amount.dimension.powers[costs.dimensions.BASES.index(base)]
    return replace(amount, value=amount.value * factor ** float(power))


class TestDimensionsOfEveryFormula:
    def test_the_table_is_complete(self):
        formulas = {name for name in dir(costs) if hasattr(getattr(costs, name), "__wrapped__")}
        assert formulas == set(FORMULAS)

    @pytest.mark.parametrize("name", FORMULAS)
    def test_the_result_has_its_dimension(self, name):
        _, unit = FORMULAS[name]
        result = getattr(costs, name)(**amounts_of(name))
        if unit is None:
            assert not isinstance(result, Amount)
            assert all(not isinstance(v, Amount) for v in vars(result).values())
        else:
            assert result.dimension == costs.unit_named(unit).dimension
            assert math.isfinite(result.value)
            assert result.value > 0

    @pytest.mark.parametrize("name", FORMULAS)
    def test_every_argument_refuses_another_dimension(self, name):
        arguments = amounts_of(name)
        for key, value in arguments.items():
            if isinstance(value, Amount):
                wrong = {**arguments, key: value * parse_amount("1 USD")}
                with pytest.raises(sj.UsageError, match=f"{name}: {key} must be in .*but is in"):
                    getattr(costs, name)(**wrong)

    @pytest.mark.parametrize("base", ["s", "USD", "J", "gCO2"])
    @pytest.mark.parametrize("name", [name for name, (_, unit) in FORMULAS.items() if unit])
    def test_the_formula_itself_is_homogeneous(self, name, base):
        """A declared dimension proves nothing: measured in smaller units the cost must agree.

        FLOP, bytes, tokens and parameters are left out: 6ND turns one into another.
        """
        arguments = amounts_of(name)
        smaller = {key: rescaled(value, base, 7.0) for key, value in arguments.items()}
        before = getattr(costs, name)(**arguments)
        after = getattr(costs, name)(**smaller)
        np.testing.assert_allclose(after.value, rescaled(before, base, 7.0).value, rtol=1e-12)

    @pytest.mark.parametrize(
        ("name", "numbers", "unit"),
        [
            ("rental_usd", (1000.0, 2.0), "USD"),
            ("usd_per_flop", (2.0, 989e12), "USD/FLOP"),
            ("electricity_usd", (3.6e9, 0.1), "USD"),
            ("co2_grams", (3.6e9, 400.0), "g"),
            ("calendar_days", (1000.0, 8.0, 0.9), "days"),
            ("training_flop", (7e9, 2e12), "FLOP"),
        ],
    )
    def test_plain_numbers_are_read_in_the_units_of_their_names(self, name, numbers, unit):
        formula = getattr(costs, name)
        expected = formula(*numbers)
        assert costs.value_in(formula(**amounts_of(name)), unit) == pytest.approx(expected)
        first, *_ = amounts_of(name).values()
        assert costs.value_in(formula(first, *numbers[1:]), unit) == pytest.approx(expected)

    def test_an_argument_that_is_no_amount_says_so(self):
        with pytest.raises(sj.UsageError, match="architecture is no amount"):
            costs.kv_bytes_per_token(parse_amount("7B parameters"))


FLOP, RATE = parse_amount("6 FLOP"), parse_amount("2 FLOP/s")


class TestAmount:
    def test_arithmetic_keeps_track(self):
        seconds = FLOP / RATE
        assert (seconds.value, seconds.dimension) == (3.0, Dimension.base("s"))
        assert (FLOP + FLOP).value == 12.0
        assert (2 * FLOP - FLOP / 2).value == 9.0
        assert (-FLOP).value == -6.0
        assert (1 / RATE * FLOP).dimension == Dimension.base("s")
        assert ((seconds**2) ** 0.5).dimension == Dimension.base("s")
        assert (seconds ** Fraction(1, 3)).dimension ** 3 == Dimension.base("s")
        assert seconds > parse_amount("2 s")
        assert seconds == parse_amount("3000 ms")
        assert seconds != parse_amount("1 h")

    @pytest.mark.parametrize(
        ("operation", "says"),
        [
            (lambda: FLOP + RATE, "FLOP/s cannot be added to FLOP"),
            (lambda: RATE - FLOP, "FLOP cannot be subtracted from FLOP/s"),
            (lambda: FLOP + 1.0, "a plain number cannot be added to FLOP"),
            (lambda: 1.0 - FLOP, "a plain number cannot be subtracted"),
            (lambda: FLOP < RATE, "FLOP/s cannot be compared with FLOP"),
            (lambda: FLOP == 6.0, "cannot be compared"),
            (lambda: FLOP ** jnp.float32(2), "raised to a fixed number"),
            (lambda: np.ones(3) + FLOP, "cannot be added"),
        ],
    )
    def test_nonsense_is_refused_in_plain_words(self, operation, says):
        with pytest.raises(sj.UsageError, match=says):
            operation()

    @pytest.mark.parametrize("ones", [np.ones(3), jnp.ones(3), np.float64(1.0)])
    def test_arrays_on_the_left_leave_it_to_the_amount(self, ones):
        product = ones * FLOP
        assert isinstance(product, Amount)
        np.testing.assert_array_equal(product.value, 6.0 * np.ones_like(ones))

    def test_passes_through_jit_vmap_and_grad(self):
        hours = jax.jit(lambda flop, rate: flop / rate)(FLOP, RATE)
        assert hours.dimension == Dimension.base("s")
        many = jax.vmap(lambda value: Amount(value, FLOP.dimension) / RATE)(jnp.arange(3.0))
        np.testing.assert_array_equal(many.value, [0.0, 0.5, 1.0])
        slope = jax.grad(lambda value: (Amount(value, FLOP.dimension) / RATE).value)(6.0)
        assert slope == 0.5
        with pytest.raises(sj.UsageError):
            jax.jit(lambda a, b: a + b)(FLOP, RATE)

    def test_formulas_trace_with_amounts(self):
        run = jax.jit(costs.gpu_hours)(parse_amount("1 ZFLOP"), parse_amount("989 TFLOP/s"))
        assert costs.value_in(run, "h") == pytest.approx(702.2, rel=1e-3)


class TestText:
    @pytest.mark.parametrize(
        ("text", "value", "unit"),
        [
            ("5e6 USD", 5e6, "USD"),
            ("$5M", 5e6, "USD"),
            ("$2/h", 2 / 3600, "USD/s"),
            ("80 GB", 80e9, "bytes"),
            ("80GiB", 80 * 2**30, "bytes"),
            ("30 days", 30 * 86400, "s"),
            ("989 TFLOP/s", 989e12, "FLOP/s"),
            ("3.35 TB/s", 3.35e12, "bytes/s"),
            ("70B", 70e9, "1"),
            ("1.4T tokens", 1.4e12, "tokens"),
            ("1,000 GPU-hours", 3.6e6, "s"),
            ("0.7 kW", 700, "J/s"),
            ("400 g/kWh", 400 / 3.6e6, "gCO2/J"),
            (".5", 0.5, "1"),
        ],
    )
    def test_reads_what_people_write(self, text, value, unit):
        amount = parse_amount(text)
        assert amount.value == pytest.approx(value, rel=1e-15)
        assert amount.dimension == costs.unit_named(unit).dimension

    @pytest.mark.parametrize(
        ("text", "wanted", "says"),
        [
            ("989 TFLOPS", None, "write FLOP for an amount and FLOP/s"),
            ("1e24 FLOPs", None, "write FLOP for an amount and FLOP/s"),
            ("5 furlongs", None, "unknown unit 'furlongs'"),
            ("", None, "is no amount"),
            ("-3 GB", None, "is no amount"),
            ("30m", "s", "unknown unit 'm'"),
            ("80B", "bytes", "bytes or billions"),
            ("989 TFLOP/s", "FLOP", "in FLOP/s, but FLOP is wanted"),
            ("1e999", None, "too large"),
            ("__import__('os')", None, "is no amount"),
        ],
    )
    def test_refuses_the_rest(self, text, wanted, says):
        with pytest.raises(sj.UsageError, match=says):
            parse_amount(text, wanted)

    def test_a_bare_number_takes_the_wanted_unit(self):
        assert parse_amount("2", "h") == parse_amount("7200 s")
        assert parse_amount("1e24", "FLOP").dimension == Dimension.base("FLOP")

    @pytest.mark.parametrize(
        "text",
        ["$5M", "$2/h", "30 days", "36 h", "80 GB", "3.35 TB/s", "989 TFLOP/s", "700 W", "1.2 GWh",
         "70B token", "12 ms", "3.14e+23 FLOP", "5 tCO2", "512 bytes"],
    )  # fmt: skip
    def test_writes_what_it_reads(self, text):
        assert costs.format_amount(parse_amount(text)) == text

    def test_tells_an_amount_in_a_unit(self):
        assert costs.value_in(parse_amount("1 day"), "h") == 24.0
        with pytest.raises(sj.UsageError, match="cannot be told in FLOP"):
            costs.value_in(parse_amount("1 day"), "FLOP")


CALLS = {
    "gpu_hours": (lambda N, D, price, bits: costs.gpu_hours(6 * N * D, 1e15), "ND"),
    "lifetime_usd": (
        lambda N, D, price, bits: costs.lifetime_usd(N, D, 1e12, 1e12, price, price),
        "NDp",
    ),
    "precision": (lambda N, D, price, bits: costs.precision_weighted_flop(N, D, bits), "NDb"),
    "weights": (lambda N, D, price, bits: costs.weight_bytes(N, bits), "Nb"),
    "decode": (
        lambda N, D, price, bits: costs.decode_seconds(
            costs.serve_size(N, bits), 100.0, 4.0, RATES
        ),
        "Nb",
    ),
    "prefill": (
        lambda N, D, price, bits: costs.prefill_seconds(
            costs.serve_size(N, bits), 100.0, 4.0, RATES
        ),
        "Nb",
    ),
}


@pytest.mark.parametrize("name", CALLS)
class TestAsFunctions:
    @given(
        N=st.floats(1e6, 1e13),
        D=st.floats(1e9, 1e14),
        price=st.floats(1e-20, 1e-16),
        bits=st.floats(2, 32),
    )
    def test_more_costs_more(self, name, N, D, price, bits):
        cost, grows_with = CALLS[name]
        point = {"N": N, "D": D, "p": price, "b": bits}
        before = cost(*point.values())
        for key in grows_with:
            assert cost(*{**point, key: 1.1 * point[key]}.values()) > before

    def test_gradients_are_finite_and_positive(self, name):
        cost, grows_with = CALLS[name]
        with jax.enable_x64(True):
            slopes = jax.jit(jax.grad(cost, argnums=(0, 1, 2, 3)))(7e9, 2e12, 6e-19, 8.0)
            assert np.isfinite(slopes).all()
            for key, slope in zip("NDpb", slopes, strict=True):
                assert slope > 0 if key in grows_with else slope == 0

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_follow_the_dtype(self, name, dtype):
        cost, _ = CALLS[name]
        point = [7e9, 2e12, 6e-19, 8.0]
        expected = cost(*point)
        with jax.enable_x64(dtype == np.float64):
            for array in (np.asarray, jnp.asarray):
                result = cost(*(array([x, x], dtype=dtype) for x in point))
                assert result.dtype == dtype
                np.testing.assert_allclose(result, expected, rtol=1e-5)


_SLOW_INTEGERS = ("MI250X", "TPU-v4")
"""Whose data sheets give one rate for 8 and 16 bits."""


class TestHardware:
    @pytest.mark.parametrize("hardware", costs.HARDWARE.values(), ids=lambda h: h.name)
    def test_facts_are_plausible_and_dated(self, hardware):
        assert 5e13 < hardware.peak("bf16") < 1e16
        assert 1e10 < hardware.memory < 1e12
        assert 2e11 < hardware.bandwidth < 1e13
        assert hardware.power is None or 50 <= hardware.power <= 1500
        sources = [hardware.source]
        if hardware.usd_per_hour is not None:
            assert 0.5 < hardware.usd_per_hour < 20
            sources.append(hardware.price_source)
        for source in sources:
            assert "(20" in source, "no date"

    @pytest.mark.parametrize("hardware", costs.HARDWARE.values(), ids=lambda h: h.name)
    def test_rates_are_dense(self, hardware):
        """Half the bits are twice as fast; a sparse rate would be four times.

        GeForce cards add up 16 bits in 32 at half their rate, so that integers are four times.
        """
        integers = 4 if "RTX" in hardware.name else 1 if hardware.name in _SLOW_INTEGERS else 2
        for precision, factor in (("fp8", 2), ("int8", integers), ("fp4", 4)):
            if precision in hardware.peaks:
                rate = hardware.peak(precision) / hardware.peak("fp16")
                assert rate == pytest.approx(factor, rel=0.015)

    def test_names(self):
        for text in ("h100", "H100", "H-100"):
            assert costs.find_hardware(text).name == "H100"
        assert costs.find_hardware("a100 40").memory == 40e9
        assert costs.find_hardware("a100").memory == 80e9
        assert costs.find_hardware("tpu v6e") is costs.find_hardware("trillium")
        assert costs.find_hardware("4090").peak() == 165.2e12
        assert costs.find_hardware("V100").peak() == costs.find_hardware("V100").peak("fp16")
        with pytest.raises(sj.UsageError, match="H100-PCIe, H200"):
            costs.find_hardware("P100")
        with pytest.raises(sj.UsageError, match=r"no peak rate in 'fp8': it has bf16, int8"):
            costs.find_hardware("a100").peak("fp8")

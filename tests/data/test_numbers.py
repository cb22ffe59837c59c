"""Cells are read exactly or refused."""

import contextlib
import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalejax.amounts import SUFFIX_EXPONENTS, parse_number
from scalejax.data.numbers import parse_column, unit_factor
from scalejax.errors import UsageError

FINITE = st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("70M", 7e7),
        ("1.4T", 1.4e12),
        ("6.9B", 6.9e9),
        ("6.9 b", 6.9e9),
        ("2g", 2e9),
        ("3k", 3e3),
        ("1P", 1e15),
        ("100,000,000", 1e8),
        ("1,000.5", 1000.5),
        ("1_000", 1e3),
        ("1e9 ", 1e9),
        (" -2.5E-3", -2.5e-3),
        (".5", 0.5),
        ("7.", 7.0),
        ("0", 0.0),
        ("0.000", 0.0),
        ("+3", 3.0),
        ("inf", math.inf),
        ("-Infinity", -math.inf),
        ("9007199254740993", 9007199254740992.0),
    ],
)
def test_reads(text: str, value: float) -> None:
    assert parse_number(text) == value


@pytest.mark.parametrize("text", ["", " ", "NaN", "NA", "n/a", "null", "None", "<NA>"])
def test_markers_of_missing_values_are_nan(text: str) -> None:
    assert math.isnan(parse_number(text))


@pytest.mark.parametrize(
    "text",
    [
        "abc", "7O", "1e", "1E", "1e3M", "70MB", "1 000", "000", "007", "1,00", "1,0000", "10_",
        "_1", "1__0", "0x10", "--1", "1e400", "1e-400", "9" * 400, "3%", "$5",
        "\uff11\uff12", "\u22123", "1.2.3", "3,1", "infB", "true", "1+2", "+-inf",
    ],
)  # fmt: skip
def test_refuses(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a number|range of float64"):
        parse_number(text)


@given(FINITE)
def test_shortest_text_of_a_float_comes_back_exactly(value: float) -> None:
    assert parse_number(repr(value)) == value


@given(st.decimals(0, 10**6, allow_nan=False, places=4), st.sampled_from(sorted(SUFFIX_EXPONENTS)))
def test_suffixes_round_once(mantissa: Decimal, suffix: str) -> None:
    exact = Fraction(mantissa) * 10 ** SUFFIX_EXPONENTS[suffix]
    assert parse_number(f"{mantissa:f}{suffix}") == float(exact)
    assert parse_number(f"{mantissa:f} {suffix.upper()}") == float(exact)


@given(st.integers(-(10**25), 10**25))
def test_separators_do_not_change_integers(value: int) -> None:
    assert parse_number(f"{value:,}") == parse_number(f"{value:_}") == float(value)


@settings(max_examples=200)
@given(st.text(max_size=12))
def test_any_text_is_a_float_or_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert isinstance(parse_number(text), float)


@pytest.mark.parametrize(
    "cells",
    [
        pd.Series([10**13, 2 * 10**13], dtype="int64"),
        pd.Series([10**13, 2 * 10**13], dtype="uint64"),
        pd.Series([10**13, 2 * 10**13], dtype="Int64"),
        pd.Series([1e13, 2e13], dtype="Float64"),
        pd.Series([Decimal(10**13), Decimal(2 * 10**13)], dtype=object),
        pd.Series(["10T", "20_000_000_000_000"], dtype=object),
        pd.Series(["10T", "2e13"], dtype="string"),
        pd.Series(["10T", "2e13"], dtype="category"),
        pd.Series([10**13, np.int64(2 * 10**13)], dtype=object),
    ],
    ids=lambda cells: str(cells.dtype),
)
def test_columns_of_any_type_become_the_same_float64(cells: "pd.Series") -> None:
    parsed = parse_column(cells)
    assert parsed.values.dtype == np.float64
    assert parsed.values.tolist() == [1e13, 2e13]
    assert not parsed.problems("N", [1, 2])


def test_integers_beyond_64_bits_are_read() -> None:
    assert parse_column(pd.Series([2**70, 3], dtype=object)).values.tolist() == [2.0**70, 3.0]


def test_missing_cells_of_any_kind_are_nan() -> None:
    cells = pd.Series([None, pd.NA, float("nan"), pd.NaT, ""], dtype=object)
    assert np.isnan(parse_column(cells).values).all()
    assert np.isnan(parse_column(pd.Series([1, None], dtype="Int64")).values).tolist() == [
        False,
        True,
    ]


@pytest.mark.parametrize(
    "cells",
    [
        pd.Series([True, False]),
        pd.Series([1 + 2j]),
        pd.to_datetime(pd.Series(["2026-01-01"])),
        pd.to_timedelta(pd.Series([1], dtype="int64")),
    ],
    ids=lambda cells: str(cells.dtype),
)
def test_types_that_are_no_measurement_are_refused(cells: "pd.Series") -> None:
    (problem,) = parse_column(cells).problems("N", [1])
    assert (problem.code, problem.column) == ("E129", "N")


def test_bad_cells_are_named_and_only_for_the_rows_that_count() -> None:
    parsed = parse_column(pd.Series(["1", "x1", "x2", "x3", "x4", "x5", "x6", [1], True]))
    (problem,) = parsed.problems("N", range(3, 10))
    assert problem.code == "E120"
    assert problem.rows == (3, 4, 5, 6, 7, 8, 9)
    assert "'x2' (row 3)" in problem.message
    assert "'x1'" not in problem.message
    assert "and 2 more" in problem.message


def test_a_decimal_comma_makes_thousands_of_the_column_suspicious() -> None:
    parsed = parse_column(pd.Series(["3,141", "2.5", "3,1"]))
    (problem,) = parsed.problems("loss", [1, 2, 3])
    assert (problem.code, problem.rows) == ("E122", (1, 3))
    assert "decimal" in problem.message
    assert np.isnan(parsed.values).tolist() == [True, False, True]


def test_unit_factors() -> None:
    assert [unit_factor(unit) for unit in ("M", "b", " T ", 1e9, 3)] == [1e6, 1e9, 1e12, 1e9, 3.0]
    for unit in ("x", "", 0, -1.0, math.nan, math.inf, True):
        with pytest.raises(UsageError):
            unit_factor(unit)


def test_plain_columns_are_read_at_once_to_the_same_numbers():
    """Columns of plain texts take another way, which must agree bit for bit with that of cells."""
    rng = np.random.default_rng(0)
    texts = [repr(float(x)) for x in 10.0 ** rng.uniform(-300, 300, 500)]
    texts += [f"{x:.30f}" for x in rng.uniform(1, 9, 500)] + ["12e3", "5.5E+3", "-7", "1."]
    column = pd.Series([*texts, "", None], dtype=object)
    at_once = parse_column(column).values
    one_by_one = parse_column(pd.concat([column, pd.Series(["7M"], dtype=object)])).values[:-1]
    assert at_once.tobytes() == one_by_one.tobytes()


@pytest.mark.parametrize("odd", ["1e999", "1e-400", "007", "1\n2", "\ud800", "0x1p3", "1_0_"])
def test_odd_cells_leave_the_plain_way(odd):
    column = parse_column(pd.Series(["1.5", odd, "2.5"], dtype=object))
    assert column.values[[0, 2]].tolist() == [1.5, 2.5]
    assert [*column.unreadable] == [2]

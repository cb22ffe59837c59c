"""Arrow's conversion of plain numbers is the same as that of single cells, bit by bit."""

import numpy as np
import pandas as pd
import pytest

from scalejax.amounts import parse_number
from scalejax.data.plain_numbers import plain_numbers


def column(cells):
    return pd.Series(cells, dtype="string[pyarrow]")


def test_numbers_are_those_of_single_cells():
    generator = np.random.default_rng(0)
    floats = (10 ** generator.uniform(-300, 300, 2000)) * generator.choice([-1, 1], 2000)
    long = [f"{'123456789' * 5}.{k}" for k in range(100)]
    cells = [
        *map(repr, floats.tolist()),
        *map("{:.3g}".format, floats),
        *long,
        "1.",
        "+2",
        "5e-324",
        "0",
        "-0.0",
        "0e9",
    ]
    values = plain_numbers(column(cells))
    assert values is not None
    assert values.tolist() == [parse_number(cell) for cell in cells]


@pytest.mark.parametrize(
    "cell",
    [
        "007",
        "1_000",
        "1,000",
        "70M",
        "nan",
        "inf",
        "1e999",
        "1e-999",
        "0x1",
        "1e",
        "--1",
        "\uff11",
        " 1",
    ],
)
def test_any_other_cell_is_left_to_the_parser_of_cells(cell):
    assert plain_numbers(column(["1.5", cell])) is None


def test_empty_cells_are_missing():
    values = plain_numbers(column(["1.5", ""]))
    assert values is not None
    assert np.isnan(values).tolist() == [False, True]


def test_frames_of_objects_are_left_to_the_parser_of_cells():
    assert plain_numbers(pd.Series(["1", 2], dtype=object)) is None

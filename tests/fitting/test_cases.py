"""Small files of the kinds that people bring: the right value with no flag, in any spelling.

The values are those of the folder's README, from which the files were made by a formula.
"""

import csv

import numpy as np
import pandas as pd
import pytest
from cases import CASES, needs_cases

import scalejax as sj
from scalejax.data import Request, inspect_table

pytestmark = needs_cases

TRUTH = {"E": 1.8, "A": 300, "alpha": 0.33, "B": 900, "beta": 0.32}
BITS = {"E": 0.618298, "A": 103.0496, "alpha": 0.33, "B": 309.1489, "beta": 0.32}
SIZES = {"E": 1.7, "A": 400, "alpha": 0.35}

WITHOUT_FLAGS = {
    "isoflop.json": TRUTH,
    "units_in_headers.csv": TRUTH,
    "two_token_columns.csv": TRUTH,
    "perplexity.csv": TRUTH,
    "bits_per_byte.csv": BITS,
    "decimal_commas.csv": TRUTH,
    "tabs.tsv": TRUTH,
    "measured_compute.csv": TRUTH,
    "sizes_in_names.csv": SIZES,
}
WITH_ONE = [
    ("wandb_wide.csv", {"tokens_per_step": 5e5}, TRUTH),
    ("rate_sweep.csv", {"best_of": "lr:parabola"}, TRUTH),
    ("rate_sweep.csv", {"law": "lr_from_N_D", "best_of": "lr"}, {"a": -0.4, "b": 0.1}),
    (
        "percent_accuracy.csv",
        {"law": "logistic_C", "units": {"acc": 0.01}, "objective": sj.least_squares(on="loss")},
        {"floor": 0.1515, "ceiling": 0.8938, "theta": 0.4419},
    ),
]


def check_values(file, options, truth):
    parameters = sj.fit(str(CASES / file), resamples=0, **options).params
    assert {name: parameters[name] for name in truth} == pytest.approx(truth, rel=2e-4)


@pytest.mark.filterwarnings("ignore::scalejax.errors.DataWarning")
@pytest.mark.filterwarnings("ignore::scalejax.errors.FitWarning")
class TestValues:
    @pytest.mark.parametrize("file", WITHOUT_FLAGS)
    def test_without_a_flag(self, file):
        check_values(file, {}, WITHOUT_FLAGS[file])

    @pytest.mark.parametrize(("file", "options", "truth"), WITH_ONE)
    def test_where_it_asks_with_what_it_asks_for(self, file, options, truth):
        check_values(file, options, truth)

    @pytest.mark.parametrize("file", ["curve.csv", "trainer_state.json"])
    def test_a_curve_is_forecast_without_a_flag(self, file):
        answer = sj.forecast(str(CASES / file), at={"step": 10_000})
        assert float(answer.to_frame()["loss"].iloc[0]) == pytest.approx(2.83396, rel=2e-3)

    @pytest.mark.parametrize(
        ("file", "options", "remedy"),
        [
            ("wandb_wide.csv", {}, "tokens_per_step"),
            ("rate_sweep.csv", {"law": "lr_from_N_D"}, "best_of"),
            ("percent_accuracy.csv", {"law": "logistic_C"}, "units"),
            ("percent_accuracy.csv", {}, "logistic_C"),
        ],
    )
    def test_what_could_mean_two_things_is_asked_with_its_remedy(self, file, options, remedy):
        with pytest.raises(sj.InputError, match=remedy):
            sj.fit(str(CASES / file), resamples=0, **options)


def spelled(header, kind):
    """A header as another tool would write it."""
    words = header.replace("_", " ")
    return {
        "upper": header.upper(),
        "title": words.title(),
        "prefixed": f"config.{header}",
        "blanks": f"  {words} ",
        "dots": header.replace("_", "."),
    }.get(kind, header)


VARIANTS = ("shuffled", "upper", "title", "prefixed", "blanks", "dots")
VARIANTS += ("fewer", "more columns", "semicolons", "columns turned")


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(
    "file", ["perplexity.csv", "bits_per_byte.csv", "tabs.tsv", "decimal_commas.csv"]
)
def test_variants_of_a_file_are_read_alike(file, variant, tmp_path):
    """Whatever the order, the spelling and the separator: the same numbers."""
    separator = {"tabs.tsv": "\t", "decimal_commas.csv": ";"}.get(file, ",")
    decimal = "," if file == "decimal_commas.csv" else "."
    frame = pd.read_csv(CASES / file, sep=separator, decimal=decimal)
    expected = _numbers(CASES / file)
    rng = np.random.default_rng(VARIANTS.index(variant))
    if variant == "shuffled":
        frame = frame.sample(frac=1, random_state=1)
    elif variant == "fewer":
        frame = frame.drop(index=rng.integers(len(frame)))
        expected = _sorted({k: v[frame.index] for k, v in _raw(CASES / file).items()})
    elif variant == "more columns":
        frame = frame.assign(notes="ok", hidden_size=512, created_by="someone")
    elif variant == "columns turned":
        frame = frame[frame.columns[::-1]]
    else:
        frame = frame.rename(columns=lambda name: spelled(name, variant))
    path = tmp_path / "variant.csv"
    separator = ";" if variant == "semicolons" else separator
    frame.to_csv(path, index=False, sep=separator, decimal=decimal, quoting=csv.QUOTE_MINIMAL)
    np.testing.assert_allclose(_numbers(path), expected, rtol=1e-12)


def _raw(path):
    inspection = inspect_table(str(path), Request())
    assert inspection.table is not None, inspection.problems
    return {**inspection.table.inputs, "loss": inspection.table.target}


def _sorted(columns):
    order = np.lexsort((columns["D"], columns["N"]))
    return np.column_stack([columns[name][order] for name in ("N", "D", "loss")])


def _numbers(path):
    return _sorted(_raw(path))

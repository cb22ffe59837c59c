"""Columns are found by their usual names, and never by a guess between two."""

import pandas as pd
import pytest

from scalejax.data.columns import match_name, resolve_columns
from scalejax.errors import InputError, InputProblem


def frame(*names: str) -> pd.DataFrame:
    return pd.DataFrame([[1.0] * len(names)], columns=list(names))


@pytest.mark.parametrize(
    "names",
    [
        ("N", "D", "loss"),
        ("n", "d", "LOSS"),
        (" Params ", "Tokens", "val_loss"),
        ("\uff2e", "training_tokens", "Eval_Loss"),
        ("Model Size", "tokens_seen", "final_loss"),
    ],
)
def test_usual_names(names: tuple[str, str, str]) -> None:
    found = resolve_columns(frame("note", *names), ["N", "D", "loss"])
    assert found == dict(zip(("N", "D", "loss"), names, strict=True))


def test_the_explicit_mapping_wins() -> None:
    table = frame("N", "N_nonemb", "D", "loss", "参数")
    assert resolve_columns(table, ["N"], {"N": "N_nonemb"}) == {"N": "N_nonemb"}
    assert resolve_columns(table, ["N"], {"N": "参数"}) == {"N": "参数"}
    assert resolve_columns(table, ["N"], {"N": "n_NONEMB "}) == {"N": "N_nonemb"}


def test_a_column_given_to_another_quantity_is_no_candidate() -> None:
    found = resolve_columns(frame("params", "N", "D"), ["N", "P"], {"P": "params"})
    assert found == {"N": "N", "P": "params"}


def test_two_candidates_are_refused() -> None:
    table = frame("tokens", "n_tokens", "D", "params", "n_params", "loss", "val_loss")
    with pytest.raises(InputError) as caught:
        resolve_columns(table, ["N", "D", "loss"])
    assert [problem.code for problem in caught.value.problems] == ["E124", "E124"]
    assert "'params' (" in caught.value.problems[0].message
    assert "'n_params' (" in caught.value.problems[0].message
    assert 'columns={"loss": "loss"}' in caught.value.problems[1].message


def test_missing_columns_are_told_together_with_the_remedy() -> None:
    with pytest.raises(InputError) as caught:
        resolve_columns(frame("size", "value"), ["N", "D", "loss"])
    (problem,) = caught.value.problems
    assert problem.code == "E126"
    for part in ("N (parameters)", "D (training tokens)", "size, value", 'columns={"N": "..."'):
        assert part in problem.message


def test_an_explicit_name_that_is_not_there() -> None:
    with pytest.raises(InputError) as caught:
        resolve_columns(frame("N", "D"), ["N", "D"], {"N": "nonemb"})
    (problem,) = caught.value.problems
    assert (problem.code, problem.column) == ("E126", "nonemb")


def test_inputs_outside_the_vocabulary_need_their_own_name() -> None:
    assert resolve_columns(frame("P", "p"), ["P"]) == {"P": "P"}
    assert resolve_columns(frame(" Bits"), ["bits"]) == {"bits": " Bits"}
    problem = match_name(frame("run A", "RUN a"), "Run A")
    assert isinstance(problem, InputProblem)
    assert problem.code == "E124"
    assert match_name(frame("run A", "RUN a"), "run A") == "run A"


def test_long_headers_are_cut() -> None:
    with pytest.raises(InputError, match="and 5 more"):
        resolve_columns(frame(*(f"x{i}" for i in range(25))), ["N"])

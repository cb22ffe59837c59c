"""What a person writes as a number is read exactly, or refused in words before anything compiles.

Every argument that takes a number is listed with its kind, and meets every value that is none of
that kind, in Python and at the terminal.
"""

import contextlib
import inspect
import io
import math
import warnings
from contextlib import redirect_stderr, redirect_stdout
from decimal import Decimal

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import scalejax as sj
from scalejax import amounts, points
from scalejax.cli import main
from scalejax.conclusions import conclude
from scalejax.errors import UsageError
from scalejax.studies.schema import read as read_study
from scalejax.vocabulary import speaking

NO_NUMBERS = (
    *(math.nan, math.inf, -math.inf, True, False, np.True_, np.nan, None, [], {}, object(), b"1"),
    *("", "nan", "inf", "true", "1,5", "1,5e24", "1.5.2", "12x", "1e999", "1e-999", "0x10", "٣"),
    *(np.datetime64(5, "ns"), np.timedelta64(5), np.array(True), np.complex64(1), np.array(["x"])),
    *("1__0", "1 2", "9" * 5000, 10**400, 1j, Decimal("NaN"), "1E", "--1"),
)
BEYOND = {
    "positive": (0, -1, -5e9, "-5B", "0", 0.0),
    "not negative": (-1, "-1", -1e-300),
    "share": (0, -0.1, 1.5, "150%", "-5%", "0%"),
    "level": (0, 1, -0.5, 95, "95", "100%", "0%"),
    "whole": (-1, 0.5, "1.5", "-1", 2**63, 2**70, str(2**70), 1e300),
    "scale": (0, -1, 1e-300, 1e300, "0"),
    "finite": (),
}
KINDS = {
    "positive": amounts.POSITIVE, "not negative": amounts.NOT_NEGATIVE, "share": amounts.SHARE,
    "level": amounts.LEVEL, "finite": amounts.FINITE,
}  # fmt: skip


def bad(kind, without=()):
    return [value for value in (*NO_NUMBERS, *BEYOND[kind]) if not any(value is x for x in without)]


@pytest.fixture
def no_program(monkeypatch):
    """Fails where a program is compiled."""

    def compiled(*args, **options):
        raise AssertionError("a program was compiled")

    monkeypatch.setattr(jax._src.compiler, "compile_or_get_cached", compiled)


@pytest.mark.parametrize("kind", KINDS)
def test_a_value_of_another_kind_is_refused_by_name(kind):
    for value in bad(kind):
        with pytest.raises(UsageError, match=r"^mfu= must be [^\n]{5,300}\.$"):
            amounts.read("mfu", value, KINDS[kind])
        with pytest.raises(UsageError):
            points.read_array("at", [1, value], KINDS[kind])


@pytest.mark.parametrize("value", bad("whole"))
def test_a_count_is_whole(value):
    with pytest.raises(UsageError, match=r"^seed= must be a whole number"):
        amounts.whole("seed", value)


@pytest.mark.parametrize("value", [0, 7, 2**63 - 1, np.int32(3), 5.0, np.float32(4)])
def test_counts_are_exact(value):
    assert amounts.whole("seed", value) == int(value)
    assert amounts.whole("seed", str(int(value))) == int(value)


@given(st.integers(1, 10**15), st.sampled_from(["k", "M", "B", "G", "T", "P", "b", ""]))
def test_all_spellings_of_a_number_are_one(number, suffix):
    exponent = amounts.SUFFIX_EXPONENTS[suffix.lower()] if suffix else 0
    value = float(number * 10**exponent)
    for text in (f"{number}{suffix}", f"{number:,}{suffix}", f" {number:_}{suffix} "):
        assert amounts.read("budget", text, amounts.POSITIVE) == value
        assert sj.costs.amount_in(text, "FLOP") == value


@given(st.integers(1, 999), st.integers(0, 99).filter(lambda x: x % 1000))
def test_decimal_commas_are_refused_with_the_remedy(before, behind):
    text = f"{before},{behind:02d}e21"
    for read in (lambda x: amounts.read("budget", x), lambda x: sj.costs.amount_in(x, "FLOP")):
        with pytest.raises(UsageError, match="decimal point"):
            read(text)


@given(st.integers(1, 999))
def test_percent_is_a_share(part):
    assert amounts.read("level", f"{part / 10}%", amounts.LEVEL) == part / 1000


def test_the_argument_is_worded_where_it_is_read():
    for place, words in {
        "python": "at=: N must", "terminal": "--at: N must", "study": "at =: N must"
    }.items():  # fmt: skip
        with speaking(place), pytest.raises(UsageError, match=words):
            amounts.read("at", "-5B", amounts.POSITIVE, "N")


# Verbs in Python -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def runs():
    n = np.tile(np.geomspace(1e8, 1e10, 4), 3)
    d = np.repeat(np.geomspace(1e9, 1e11, 3), 4)
    return {"N": n, "D": d, "loss": 1.7 + 400 / n**0.34 + 400 / d**0.28}


def plan(**question):
    return sj.plan("besiroglu2024", **{"budget": 1e22, **question})


def design(**question):
    return sj.design("besiroglu2024", **{"budget": 1e22, **question})


AMOUNTS_OF_PLANS = (
    *("budget", "usd", "target_loss", "as_good_as", "days", "gpus", "max_tokens", "unique_tokens"),
    *("max_params", "params", "tokens", "usd_per_hour"),
)
# Verb, argument, kind, and how a value is put into the argument.
PYTHON = [
    *((plan, name, "positive", None) for name in AMOUNTS_OF_PLANS),
    (plan, "serving_bits", "positive", None),
    (plan, "input_tokens", "not negative", None),
    (plan, "mfu", "share", None),
    (plan, "level", "level", None),
    (plan, "serving_mfu", "share", lambda x: (0.5, x)),
    (plan, "request_tokens", "not negative", lambda x: (x, 215)),
    (plan, "inputs", "finite", lambda x: {"bits": x}),
    (plan, "candidates", "positive", lambda x: {"mine": {"N": x}}),
    (design, "budget", "positive", None),
    (design, "noise", "positive", None),
    (design, "discrepancy", "not negative", None),
    (design, "max_runs", "whole", None),
    (design, "draws", "whole", None),
    (design, "seed", "whole", None),
    (design, "level", "level", None),
    (design, "ranges", "positive", lambda x: {"N": (x, 1e12)}),
    (sj.fit, "seed", "whole", None),
    (sj.fit, "resamples", "whole", None),
    (sj.fit, "max_steps", "whole", None),
    (sj.fit, "noise", "positive", None),
    (sj.fit, "fixed", "finite", lambda x: {"alpha": x}),
    (sj.fit, "bounds", "finite", lambda x: {"alpha": (x, x)}),
    (sj.forecast, "seed", "whole", None),
    (sj.forecast, "level", "level", None),
    (sj.forecast, "at", "positive", lambda x: {"N": x, "D": 1e12}),
    (sj.select, "seed", "whole", None),
    (sj.select, "resamples", "whole", None),
]
MAY_BE_MISSING = (plan, design, sj.fit)


@pytest.mark.parametrize(
    ("verb", "name", "kind", "put"), PYTHON, ids=[f"{v.__name__}-{n}" for v, n, *_ in PYTHON]
)
def test_a_verb_refuses_what_is_no_number(verb, name, kind, put, runs, no_program):
    for value in bad(kind):
        if value is None and put is None and verb in MAY_BE_MISSING:
            continue
        if name == "resamples" and isinstance(value, list | str | bytes | np.ndarray):
            continue  # Arrays of weights, and names of a way to resample.
        entry = value if put is None else put(value)
        arguments = {"at": {"N": 1e12, "D": 1e13}} if verb is sj.forecast else {}
        source = () if verb in (plan, design) else (runs,)
        with pytest.raises(UsageError) as refusal:
            verb(*source, **{**arguments, name: entry})
        assert name in str(refusal.value), (value, str(refusal.value))


@pytest.mark.parametrize("value", bad("scale"))
@pytest.mark.parametrize("make", [sj.huber, sj.student_t])
def test_constants_of_objectives_can_be_computed_with(make, value):
    with pytest.raises(UsageError, match="must be a number between"):
        make(value)


def test_text_is_a_number_for_a_plan():
    assert plan(budget="1e22").question.budget == 1e22
    assert plan(budget="10,000,000P").question.budget == 1e22


@pytest.mark.parametrize("question", [{"request_tokens": (0, 0)}, {"inputs": {"Q": 1}}])
def test_questions_without_an_answer_are_refused(question, no_program):
    with pytest.raises(UsageError):
        plan(requests=1e9, **question)


@pytest.fixture(scope="module")
def fitted(runs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return sj.fit(runs, resamples=0)


def test_what_a_fit_is_asked_is_checked(fitted):
    for value in bad("level"):
        for ask in (fitted.conf_int, fitted.summary, fitted.to_dict):
            with pytest.raises(UsageError, match="level"):
                ask(level=value)
    for value in bad("positive"):
        with pytest.raises(UsageError, match="inputs"):
            fitted.predict({"N": value, "D": 1e12})
        with pytest.raises(UsageError, match="at"):
            conclude(fitted, at=[{"C": value}])
    for value in bad("not negative", without=(None,)):
        with pytest.raises(UsageError, match="discrepancy"):
            fitted.predict({"N": 1e11, "D": 1e12}, discrepancy=value)


def test_unknown_inputs_are_refused(fitted):
    with pytest.raises(UsageError, match="'Q' is not known"):
        fitted.predict({"N": 1e11, "D": 1e12, "Q": 1})


# In a file, and of a table -----------------------------------------------------------------------

STUDY = {
    **dict.fromkeys(("resamples", "seed", "max_steps"), ("whole", None)),
    "level": ("level", None),
    "target_part": ("share", None),
    "forecast_at": ("positive", lambda x: {"N": x, "D": 1e12}),
    "recipe": ("finite", lambda x: {"law": "chinchilla", "fixed": {"E": x}}),
    "subsets": ("whole", lambda x: {"models": [x]}),
}
OBJECTIVES = {"huber": "delta", "student-t": "dof"}
HARDWARE = ("peak", "memory", "bandwidth", "power", "usd_per_hour")


@pytest.mark.parametrize("name", STUDY)
def test_a_study_refuses_what_is_no_number(name, no_program):
    kind, put = STUDY[name]
    for value in bad(kind):
        entry = value if put is None else put(value)
        with pytest.raises(UsageError, match=name):
            read_study({"laws": "chinchilla", name: entry})


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_study_refuses_constants_that_cannot_be_computed_with(name):
    for value in bad("scale"):
        objective = {"name": name, OBJECTIVES[name]: value}
        with pytest.raises(UsageError, match=OBJECTIVES[name]):
            read_study({"recipe": [{"law": "chinchilla", "objective": objective}]})


@pytest.mark.parametrize("name", HARDWARE)
def test_an_accelerator_refuses_what_is_no_number(name):
    for value in bad("positive", without=(None,)):
        with pytest.raises(UsageError, match=rf"hardware=: .*{name}"):
            sj.costs.hardware_of({"peak": "165T", name: value})


@pytest.mark.parametrize("value", bad("positive"))
def test_numbers_inside_texts_of_a_table_are_read_likewise(value, runs):
    with pytest.raises(UsageError, match="loss_unit="):
        sj.load_table(runs, loss_unit=f"bits_per_byte:{value}")
    if value is not None:
        for name in ("units", "tokens_per_step", "flop_per_token"):
            if name == "tokens_per_step" and isinstance(value, str) and value[:1].isalpha():
                continue  # The name of a column.
            with pytest.raises((UsageError, sj.InputError)):
                sj.load_table(runs, **{name: {"N": value} if name == "units" else value})


@pytest.mark.parametrize("value", [*bad("not negative", without=(None,)), "100%", "150%", "-5%"])
def test_a_part_of_a_run_is_a_share(value, runs):
    with pytest.raises(UsageError, match="drop_first="):
        sj.load_table(runs, drop_first=value)


@pytest.mark.parametrize("name", [*inspect.signature(sj.load_table).parameters][1:])
def test_an_option_of_a_table_has_its_type(name, runs):
    """Whatever a file of a study holds there: never an error that is not ours."""
    for value in (*NO_NUMBERS, 3, -1.5, ["N"], [1], [[1]], {"N": [1]}, {3: 3}, "\0", "\ud800"):
        with contextlib.suppress(sj.ScalejaxError):
            sj.load_table(runs, **{name: value})


# At the terminal -------------------------------------------------------------------------------

TEXTS = [x for x in NO_NUMBERS if isinstance(x, str) and x and len(x) < 100]
FIT, PLAN = ["fit", "golden36"], ["plan", "besiroglu2024"]
DESIGN = ["design", "besiroglu2024", "--budget", "1e22"]
TERMINAL = [
    *((PLAN, f"--{n.replace('_', '-')}", "positive", "{}") for n in AMOUNTS_OF_PLANS),
    (PLAN, "--mfu", "share", "{}"),
    (PLAN, "--level", "level", "{}"),
    (PLAN, "--request-tokens", "not negative", "{}:5"),
    (PLAN, "--inputs", "finite", "bits={}"),
    (PLAN, "--serving-mfu", "share", "0.5:{}"),
    (DESIGN, "--width", "positive", "{}"),
    (DESIGN, "--seed", "whole", "{}"),
    (DESIGN, "--draws", "whole", "{}"),
    (DESIGN, "--discrepancy", "not negative", "{}"),
    (FIT, "--seed", "whole", "{}"),
    (FIT, "--resamples", "whole", "{}"),
    (FIT, "--delta", "scale", "{}"),
    (FIT, "--fixed", "finite", "alpha={}"),
    (FIT, "--bounds", "finite", "alpha={0}:{0}"),
    (FIT, "--level", "level", "{}"),
    (["forecast", "golden36"], "--at", "positive", "N={},D=1T"),
    (["select", "golden36"], "--seed", "whole", "{}"),
]


def exit_of(words):
    """Exit code and what was said of a command; an exception that is not an exit is none."""
    text = io.StringIO()
    with redirect_stderr(text), redirect_stdout(text), pytest.raises(SystemExit) as end:
        main(words)
    return end.value.code, text.getvalue()


@pytest.mark.parametrize(
    ("words", "option", "kind", "form"), TERMINAL, ids=[f"{w[0]}{o}" for w, o, *_ in TERMINAL]
)
def test_an_option_refuses_what_is_no_number(words, option, kind, form, no_program):
    for value in [*TEXTS, *map(str, BEYOND[kind])]:
        code, text = exit_of([*words, f"{option}={form.format(value)}"])
        assert code == 2, (value, text)
        assert option in text, (value, text)


@pytest.mark.parametrize(
    "words",
    [
        [*PLAN, "--budget", "1,5e24"],
        [*PLAN, "--requests", "1B", "--request-tokens", "0:0"],
        [*PLAN, "--budget", "1e22", "--inputs", "Q=1"],
        [*FIT, "--law", ""],
    ],
)
def test_the_rest_is_refused_too(words, no_program):
    assert exit_of(words)[0] == 2


@pytest.mark.parametrize("name", ["pi", "e", "nan", "inf", "NaN", "Infinity"])
def test_names_of_constants_are_no_parameters(name):
    with pytest.raises(sj.LawError, match="reads as a constant"):
        sj.find_law(f"formula: E + A/N**alpha + {name}*D")


@pytest.mark.parametrize("name", ["", "  "])
def test_a_law_has_a_name(name):
    with pytest.raises(sj.LawError, match="empty"):
        sj.find_law(name)

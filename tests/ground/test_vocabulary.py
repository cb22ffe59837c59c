"""Arguments are worded for the place, old names work with a warning, unknown ones say the near."""

import ast

import pytest

import scalejax as sj
from scalejax.keywords import keywords
from scalejax.vocabulary import argument, did_you_mean, speaking, worded

WORDED = [
    (("columns",), "columns=", "--columns", "[table] columns ="),
    (("by",), "by=", "--by", "by ="),
    (("on_bad", "drop"), 'on_bad="drop"', "--on-bad drop", '[table] on_bad = "drop"'),
    (
        ("units", {"N": "M", "D": "B"}),
        'units={"N": "M", "D": "B"}',
        "--units N=M --units D=B",
        '[table] units = { N = "M", D = "B" }',
    ),
    (
        ("run", ("family", "model")),
        "run=('family', 'model')",
        "--run family --run model",
        'run = ["family", "model"]',
    ),
    (("resamples", 0), "resamples=0", "--resamples 0", "resamples = 0"),
    (
        ("allow_unidentified", True),
        "allow_unidentified=True",
        "--allow-unidentified",
        "allow_unidentified = true",
    ),
]


@pytest.mark.parametrize(("given", "python", "terminal", "study"), WORDED)
def test_an_argument_is_worded_for_the_place(given, python, terminal, study):
    assert argument(*given) == python
    for place, words in (("terminal", terminal), ("study", study), ("python", python)):
        with speaking(place):
            assert argument(*given) == words
    assert argument(*given) == python


def test_python_words_are_python():
    """What is said in Python can be typed there."""
    for given, python, *_ in WORDED:
        if len(given) > 1:
            call = ast.parse(f"f({python})", mode="eval").body
            (keyword,) = call.keywords
            assert (keyword.arg, ast.literal_eval(keyword.value)) == given


def test_constant_texts():
    text = "check {bounds}, {on_bad:drop} or {units:N=M}"
    assert worded(text) == 'check bounds=, on_bad="drop" or units={"N": "M"}'
    with speaking("terminal"):
        assert worded(text) == "check --bounds, --on-bad drop or --units N=M"


def test_did_you_mean():
    assert did_you_mean("chinchila", [*sj.LAWS]).startswith("; did you mean chinchilla")
    assert did_you_mean("Chinchilla ", {"chinchilla": "it"}) == "; did you mean it?"
    assert did_you_mean("xyzzy", [*sj.LAWS]) == ""


class TestKeywords:
    def test_old_names_work_and_say_the_new(self):
        @keywords(old="new")
        def verb(*, new=1):
            return new

        with pytest.warns(DeprecationWarning, match="old= is called new= now") as caught:
            assert verb(old=3) == 3
        assert caught[0].filename == __file__
        assert verb(new=2) == 2
        with pytest.raises(sj.UsageError, match="old= is the old name of new="):
            verb(old=1, new=2)

    @pytest.mark.parametrize(
        ("verb", "given", "near"),
        [
            (sj.fit, {"bootstraps": 10}, "fit has no bootstraps=; did you mean resamples="),
            (sj.fit, {"colums": {}}, "did you mean columns="),
            (sj.fit_many, {"by": "x", "exclud": 1}, "did you mean exclude="),
            (sj.plan, {"budgt": 1}, "plan has no budgt=; did you mean budget="),
            (sj.select, {"xyzzy": 1}, "select has no xyzzy=; help"),
        ],
    )
    def test_unknown_ones_are_told_the_nearest(self, verb, given, near):
        with pytest.raises(sj.UsageError, match=near):
            verb(None, ["chinchilla"], **given) if verb is sj.select else verb(None, **given)

    @pytest.mark.parametrize(
        ("verb", "old", "new"),
        [
            (sj.fit, "bootstrap", "resamples"),
            (sj.fit, "cluster", "run"),
            (sj.load_table, "group", "by"),
            (sj.select, "cluster", "run"),
            (sj.advise, "target", "at"),
            (sj.design, "target", "at"),
            (sj.design, "runs", "max_runs"),
            (sj.plan, "serving", "serving_hardware"),
            (sj.reproduce, "bootstrap", "resamples"),
        ],
    )
    def test_renamed_keywords_of_verbs(self, verb, old, new):
        """The old name is taken, so that the two together are one too many."""
        with pytest.raises(sj.UsageError, match=f"{old}= is the old name of {new}="):
            verb(**{old: 1, new: 1})


class TestFront:
    def test_is_small_and_everything_in_it_exists(self):
        names = [name for name in dir(sj) if name not in sj._ROOMS]
        assert len(names) <= 53
        assert all(getattr(sj, name) is not None for name in dir(sj))
        assert not [name for name in dir(sj) if name.startswith("_") and name != "__version__"]

    def test_version(self):
        assert sj.__version__.count(".") >= 1

    @pytest.mark.parametrize("old", sj._MOVED)
    def test_names_that_moved_work_for_one_more_release(self, old):
        with pytest.warns(DeprecationWarning, match=f"scalejax.{old} is called"):
            moved = getattr(sj, old)
        place = sj
        for name in sj._MOVED[old].split("."):
            place = getattr(place, name)
        assert moved is place

    def test_what_there_never_was(self):
        with pytest.raises(AttributeError, match="no attribute 'nothing'"):
            sj.nothing  # noqa: B018


class TestWhatPeopleWrite:
    def test_one_reader_of_numbers_and_texts(self, golden_lsq):
        numbers, texts = {"N": 7e10, "D": 1.4e12}, {"N": "70B", "D": "1.4T"}
        first, second = (golden_lsq.predict(at, discrepancy=0.0) for at in (numbers, texts))
        assert first.equals(second)
        frames = [golden_lsq.predict({"N": n, "D": 1e12}, discrepancy=0.0)
                  for n in (["7B", 7e10], [7e9, "70B"])]  # fmt: skip
        assert frames[0].equals(frames[1])

    def test_a_point_or_several(self, golden_lsq):
        one, several = (
            sj.conclusions.conclude(golden_lsq, at=at) for at in ({"C": "1e24"}, [1e24])
        )
        assert one.names == several.names
        with pytest.raises(sj.UsageError, match=r"positive number, .*'big'"):
            sj.conclusions.conclude(golden_lsq, at="big")

    @pytest.mark.parametrize(
        ("call", "words"),
        [
            (lambda: sj.fit(None, resamples="wild"), "said with resampling="),
            (lambda: sj.design(None, budgt=1), "design has no budgt=; did you mean budget="),
            (lambda: sj.sensitivity(None, points=[]), "sensitivity has no points="),
            (lambda: sj.costs.find_hardware("h10"), "did you mean H100"),
            (lambda: sj.find_law("kaplam"), "did you mean kaplan"),
            (lambda: sj.datasets.load("golden63"), "did you mean golden36"),
        ],
        ids=["resamples", "design", "sensitivity", "hardware", "law", "dataset"],
    )
    def test_slips_are_told_the_nearest(self, call, words):
        with pytest.raises((sj.UsageError, sj.LawError, sj.InputError), match=words):
            call()

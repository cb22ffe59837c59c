"""Options are the keywords of Python, old ones work, and wrong usage is told before JAX loads."""

import inspect
import json
import subprocess
import sys

import pytest
from typer.main import get_command

import scalejax as sj
from scalejax.cli import app, names
from scalejax.cli.renamed import current
from scalejax.data.request import TableOptions
from scalejax.laws import ALIASES
from scalejax.planning.fields import QuestionFields

# What is done with a result is no question to the verb.
EDGES = {
    *("as_json", "quiet", "plot", "csv", "out", "dry_run", "help", "width", "simulate", "tables"),
    *(
        "title",
        "explain",
        "save_mapping",
        "law",
        "about",
        "level",
        "progress",
        "force",
    ),
    *("rows", "formula", "delta", "dof", "on"),
    # Two usual executors have options of their own.
    *("workers", "scheduler"),
    # In Python the forecast is printed, or planned by, where one is asked for.
    *("quick", "by_forecast"),
    # --runs, where the argument is called so.
    "second_table",
}
# In Python the first argument of `predict`, of a fit or of a selection.
# The laws of a study that are code are named to what reads its file.
ELSEWHERE = {("select", "at"), ("predict", "at"), ("study", "laws")}
KEYWORDS = {
    "fit": (sj.fit, sj.fit_many, TableOptions),
    "check": (sj.check, TableOptions),
    "select": (sj.select, TableOptions),
    "advise": (sj.advise, TableOptions),
    "forecast": (sj.forecast, TableOptions),
    "plan": (sj.plan, QuestionFields),
    "design": (sj.design,),
    "study": (sj.study, sj.studies.StudyFile),
    "resume": (sj.resume,),
    "sensitivity": (sj.sensitivity,),
    "compare": (sj.compare,),
    "predict": (sj.Fit.predict,),
    "reproduce": (sj.reproduce,),
    "report": (sj.reporting.ReportOptions,),
    "page": (sj.page, sj.plan, QuestionFields),
}


def keywords_of(thing):
    if hasattr(thing, "__total__"):
        return {*thing.__annotations__}
    return {*inspect.signature(thing).parameters}


@pytest.mark.parametrize("verb", KEYWORDS)
def test_options_are_keywords(verb):
    command = get_command(app).commands[verb]
    options = {one.name for one in command.params if one.param_type_name == "option"}
    known = set().union(*map(keywords_of, KEYWORDS[verb]))
    beside = {name for of, name in ELSEWHERE if of == verb}
    assert options - EDGES - known - beside == set()
    spelt = {one.opts[0] for one in command.params if one.name in known & options}
    assert spelt == {"--" + name.replace("_", "-") for name in known & options}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("fit r.csv --column N=n --cluster run", "fit r.csv --columns N=n --run run"),
        ("fit --bootstrap=10 --fix E=1", "fit --resamples=10 --fixed E=1"),
        ("many s.toml --out j", "study s.toml --out j"),
        ("plan --published x --gpu h100", "plan x --hardware h100"),
        ("plan --published=x --unique 1T", "plan x --unique-tokens 1T"),
        ("plan f --serve 1T --serve-gpu h100", "plan f --served-tokens 1T --serving-hardware h100"),
        ("design f --target 1e24 --runs 3", "design f --at C=1e24 --max-runs 3"),
        ("design f --target=1e24", "design f --at=C=1e24"),
        ("advise r.csv --target N=1B,D=2B", "advise r.csv --at N=1B,D=2B"),
        ("report f --budget 1e24", "report f --at C=1e24"),
        ("plan --published", "plan"),
        ("select r.csv --law a --law b", "select r.csv --laws a --laws b"),
    ],
)
def test_old_options_work_and_say_the_new(old, new, capsys):
    assert current(old.split()) == new.split()
    said = capsys.readouterr().err.splitlines()
    assert said
    assert all("is called" in line and "next release" in line for line in said)


@pytest.mark.parametrize(
    "words", ["fit runs.csv --columns N=n", "plan f --budget 1e24", "--version", "", "laws"]
)
def test_new_options_are_left_alone(words, capsys):
    assert current(words.split()) == words.split()
    assert capsys.readouterr().err == ""


def test_names_known_before_jax_are_those_that_there_are():
    assert set(names.LAWS) == set(sj.LAWS)
    assert set(names.ALIASES) == set(ALIASES)
    assert set(names.SETS) == {id for law in sj.LAWS.values() for id in law.published}
    assert set(names.DATASETS) == set(sj.datasets.names())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["fit", "--law", "chinchila"], "did you mean chinchilla"),
        (["fit", "golden63"], "did you mean golden36"),
        (["fit", "golden36", "--resample", "10"], "--resamples"),
        (["fit", "golden36", "--level", "95"], "between 0 and 1"),
        (["fit", "golden36", "--plot", "fit.txt"], "must end in .png"),
        (["fit", "golden36", "--by", "x", "--resamples", "10"], "no resamples with --by"),
        (["plan", "besiroglu", "--budget", "1e24"], "did you mean besiroglu2024"),
        (["show", "kumar"], "did you mean kumar2024"),
        (["select", "golden36", "--laws", "chinchilla,kaplam"], "did you mean kaplan"),
        (["select", "golden36", "--criterion", "luck"], "density"),
        (["report", "nowhere", "-o", "r.html"], "no folder of a fit"),
        (["stady", "x"], "study"),
    ],
    ids=lambda x: x if isinstance(x, str) else " ".join(x),
)
def test_wrong_usage_is_told_before_jax_loads(words, said):
    code = (
        "import json, sys\nfrom scalejax.cli import main\n"
        f"try:\n    main({words!r})\nexcept SystemExit as end:\n"
        "    print(json.dumps([end.code, 'jax' in sys.modules, 'pandas' in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert json.loads(done.stdout) == [2, False, False], done.stderr
    assert said in " ".join(done.stderr.split())


def test_pairs_may_be_repeated_or_apart_by_commas():
    from scalejax.cli.words import pairs

    assert pairs("units", ["N=M,D=B"]) == pairs("units", ["N=M", "D=B"]) == {"N": "M", "D": "B"}
    assert pairs("columns", ["N=size, in M"]) == {"N": "size, in M"}


def test_empty_words_are_kept(capsys):
    words = ["report", "f", "--title", "", "--budget", "1e24"]
    assert current(words) == ["report", "f", "--title", "", "--at", "C=1e24"]
    assert capsys.readouterr().err

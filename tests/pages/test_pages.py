"""Pages: their arithmetic is Python's, nothing in them can run or load, and they say what they are.

What needs `node` is skipped without it.
"""

import json
import re
import shutil
import subprocess
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from study_runs import family

import scalejax as sj
from scalejax import pages, planning
from scalejax.cli import main
from scalejax.errors import LawError, UsageError
from scalejax.fitting.storage import save_fit
from scalejax.optima import solve_many
from scalejax.pages.arithmetic import LIMITS, SHOWN
from scalejax.pages.decision import args_for_page, column
from scalejax.pages.document import joined
from scalejax.planning import EPOCHS, LIFETIME_FLOP, TOKENS, USD, Question, loss_of, source_of
from scalejax.planning.fields import question_of

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="node is not installed")
COSTS = (*LIMITS, *SHOWN, EPOCHS)
HOSTILE = '"><img src=x onerror=alert(1)></script><script>alert(1)</script>'


def run_node(code, values=None):
    """What a script prints as JSON; `values` is the JSON that it reads as ``input``."""
    text = f"const input = {json.dumps(values)};\n{code}"
    done = subprocess.run([NODE, "-"], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def numbers(rows):
    return np.array(
        [[np.nan if x is None else x for x in row] for row in rows],
        float,
    )


def as_arithmetic(law):
    def function(*values):
        theta = dict(zip(law.parameters, values[len(law.inputs) :], strict=True))
        return (law(*values[: len(law.inputs)], **theta),)

    return function


@needs_node
class TestArithmetic:
    """A law in JavaScript is the law: value and slopes, to rounding."""

    def test_every_law_is_itself(self):
        rng, bodies, points, expected = np.random.default_rng(0), [], [], []
        for law in sj.LAWS.values():
            names = (*law.inputs, *law.parameters)
            ends = [(1e6, 1e12) if one in "NDCU" else (1.0, 16.0) for one in law.inputs]
            ends += [np.maximum(one.plausible, 1e-3) for one in law.parameters.values()]
            points.append(np.exp(rng.uniform(*np.log(np.array(ends)).T, (16, len(names)))))
            function = as_arithmetic(law)
            body = pages.javascript(function, [f"x[{k}]" for k in range(len(names))])
            bodies.append(f"(x) => {{{body}}}")
            with jax.enable_x64(True):
                expected.append(np.asarray(function(*map(jnp.asarray, points[-1].T))[0]))
        code = "console.log(JSON.stringify([%s].map((f, k) => input[k].map(f))))"
        result = run_node(code % ",\n".join(bodies), [one.tolist() for one in points])
        for name, values, own in zip(sj.LAWS, expected, result, strict=True):
            finite = np.isfinite(values)
            assert np.array_equal(np.isfinite(numbers(own)[:, 0]), finite), name
            np.testing.assert_allclose(
                numbers(own)[finite, 0], values[finite], rtol=1e-12, err_msg=name
            )

    @pytest.mark.parametrize(
        "function",
        [
            lambda x: (jnp.where(x > 2, jnp.sqrt(x), -(x**2)) + jnp.minimum(x, 3.0),),
            lambda x: (jnp.where((x > 1) & ~(x > 3), jnp.log1p(x), jnp.expm1(-x)),),
            lambda x: (jax.nn.softplus(x) + jax.nn.sigmoid(-x) + jnp.tanh(x) * jnp.abs(x),),
            lambda x: (jnp.clip(x, 1.5, 3.5) ** 1.7 + jnp.sign(x - 2) + x**-3,),
            lambda x: jax.value_and_grad(lambda y: jnp.logaddexp(y, 1.0) * jnp.maximum(y, 2.0))(x),
        ],
    )
    def test_operations(self, function):
        points = np.linspace(0.1, 5.0, 40)
        code = "console.log(JSON.stringify(input.map((x) => {%s})))"
        result = run_node(code % pages.javascript(function, ["x"]), points.tolist())
        with jax.enable_x64(True):
            expected = np.stack(jax.vmap(function)(points), axis=1)
        np.testing.assert_allclose(numbers(result), expected, rtol=1e-13)


class TestRefusals:
    @pytest.mark.parametrize(
        ("function", "what"),
        [
            (lambda x: (jnp.sum(jnp.arange(3.0) * x),), "arrays"),
            (lambda x: (jax.lax.fori_loop(0, 3, lambda _, y: y * x, x),), "scan|while"),
            (lambda x: (jax.scipy.special.erf(x),), "erf"),
        ],
    )
    def test_what_is_no_arithmetic_of_numbers_is_named(self, function, what):
        with pytest.raises(LawError, match=what):
            pages.javascript(function, ["x"])

    def test_given_tokens_are_beyond_a_page(self, plan):
        given = replace(plan, question=replace(plan.question, tokens=1e11))
        with pytest.raises(UsageError, match="tokens="):
            pages.content(given)

    def test_a_plan_has_its_question(self, plan):
        with pytest.raises(UsageError, match="usd="):
            pages.content(plan, usd=1e6)


QUESTIONS = 1000
"""Random questions of one kind, each with its own law, limits, demand and unique tokens."""

HARNESS = """
const {content, laws, questions} = input;
const solver = Solver(arithmetic, content.ranges), p = Float64Array.from(laws.flat());
const width = laws[0].length;
console.log(JSON.stringify(questions.map(({values, ask}, k) => {
  const q = Float64Array.from(content.values);
  for (const [path, value] of Object.entries(values)) q[content.paths.indexOf(path)] = value;
  const best = solver.best(q, p, k * width, ask);
  const cost = (name) => solver.cost(name, best.N, best.D, q, p, 0);
  const measures = Object.keys(solver.costs).map(cost);
  return [best.N, best.D, best.loss, best.goal, ...measures];
})));
"""


QUESTION = Question(
    **question_of(
        {
            "hardware": "h100", "gpus": 512, "input_tokens": 1e12, "output_tokens": 1e12,
            "unique_tokens": 1e12, "budget": 1e24, "usd": 1e7, "max_tokens": 1e14,
        }
    )
)  # fmt: skip
SOURCE = source_of("besiroglu2024").repeating()
ARGS = args_for_page(QUESTION, SOURCE, None)


def content_of(law, args):
    """The arithmetic of a law and args, as a page holds it."""
    written = pages.arithmetic(law, args)
    return {
        "code": written.code,
        "paths": [*written.fields],
        "values": [*written.fields.values()],
        "ranges": {"N": [1e5, 1e15], "D": [1e6, 1e18]},
    }


@pytest.fixture(scope="module")
def content():
    return content_of(SOURCE.law, ARGS)


def in_node(content, laws, questions):
    """N, D, loss and what is minimised, then every cost, for each question."""
    code = f"{joined(['solve.js'])}\nconst arithmetic = {content['code']};\n{HARNESS}"
    kept = {name: content[name] for name in ("values", "paths", "ranges")}
    return numbers(run_node(code, {"content": kept, "laws": laws, "questions": questions}))


def random_questions(count):
    """Args that differ from question to question, and the same questions for a page."""
    rng = np.random.default_rng(1)
    over = {
        "law": {
            name: SOURCE.params[name] * np.exp(rng.normal(0.0, 0.02, count))
            for name in SOURCE.law.parameters
        },
        "limits": {
            "compute with serving": 10 ** rng.uniform(20, 26, count),
            "dollars": 10 ** rng.uniform(4, 9, count),
            "tokens": 10 ** rng.uniform(11, 16, count),
        },
        "demand": {name: 10 ** rng.uniform(8, 14, count) for name in ("input", "output")},
        # Fewer tokens than a run repeats to exhaustion: there any N is as good.
        "fixed": {"U": 10 ** rng.uniform(12, 16, count)},
    }
    laws = np.stack([over["law"][name] for name in SOURCE.law.parameters], axis=1)
    paths = {f"{g}.{n}": v for g in ("demand", "fixed") for n, v in over[g].items()}
    questions = [
        {
            "values": {path: float(values[k]) for path, values in paths.items()},
            "ask": {"limits": [[n, float(v[k])] for n, v in over["limits"].items()]},
        }
        for k in range(count)
    ]
    return over, laws.tolist(), questions


_FAR = 1e16
"""Tokens at which a cost is far above what serving costs, so that their difference keeps digits."""


def best_by_golden_section(over):
    """The best ln N (count,) and its loss, by a search that knows no slope and no page.

    Each limit is a straight line in D, so that two points of it give the D that it leaves.
    """
    args = {**ARGS, **over}
    measures = {"compute with serving": LIFETIME_FLOP, "dollars": USD, "tokens": TOKENS}

    def loss(x):
        n = np.exp(x)
        ends = []
        for name, limit in over["limits"].items():
            low, high = (np.asarray(measures[name]({"N": n, "D": d}, args)) for d in (0.0, _FAR))
            ends.append((limit - low) / (high - low) * _FAR)
        d = np.min(ends, axis=0)
        values = loss_of(SOURCE.law)({"N": n, "D": np.maximum(d, 1e6)}, args)
        return np.where(d >= 1e6, np.asarray(values), np.inf)

    grid = np.linspace(np.log(1e5), np.log(1e15), 200)
    with jax.enable_x64(True):
        best = np.argmin([loss(np.full(len(over["fixed"]["U"]), x)) for x in grid], axis=0)
        low, high = grid[np.maximum(best - 1, 0)], grid[np.minimum(best + 1, 199)]
        for _ in range(45):
            left, right = low + 0.381966 * (high - low), low + 0.618034 * (high - low)
            is_left = loss(left) < loss(right)
            low, high = np.where(is_left, low, left), np.where(is_left, right, high)
        x = (low + high) / 2
        return x, loss(x)


@needs_node
class TestDecision:
    """The best N and D of a page are the optima, by what knows nothing of the page."""

    def test_a_thousand_questions(self, content):
        over, laws, questions = random_questions(QUESTIONS)
        result = in_node(content, laws, questions)
        x, loss = best_by_golden_section(over)
        there = np.isfinite(loss)
        assert there.mean() > 0.95
        np.testing.assert_allclose(result[there, 2], loss[there], rtol=1e-9)
        assert np.all(result[there, 2] <= loss[there] * (1 + 1e-13))
        np.testing.assert_allclose(np.log(result[there, 0]), x[there], rtol=0, atol=1e-6)
        # The numbers beside them are those of Python at the same N and D.
        decision = {"N": result[there, 0], "D": result[there, 1]}
        part = jax.tree.map(lambda values: values[there], over)
        with jax.enable_x64(True):
            for k, one in enumerate((loss_of(SOURCE.law), *COSTS), start=3):
                own = np.asarray(one(decision, {**ARGS, **part}))
                np.testing.assert_allclose(result[there, k], own, rtol=1e-9, err_msg=one.name)

    @pytest.mark.slow
    def test_they_are_the_optima_of_a_plan(self, content):
        over, laws, questions = random_questions(QUESTIONS)
        result = in_node(content, laws, questions)
        solution = sj.plan("besiroglu2024", QUESTION).best
        optima = solve_many(solution.problem, solution.args, over)
        solved = optima.solved
        assert solved.mean() > 0.95
        np.testing.assert_allclose(result[solved, 2], optima.goal[solved], rtol=1e-9)
        for k, name in enumerate("ND"):
            np.testing.assert_allclose(result[solved, k], optima.decision[name][solved], rtol=1e-6)

    def test_the_cheapest_way_to_the_best_loss_of_a_budget_costs_the_budget(self, content):
        laws = [[SOURCE.params[name] for name in SOURCE.law.parameters]]
        values = {"fixed.U": 1e300, "demand.input": 1e12, "demand.output": 1e12}
        one = {"values": values, "ask": {"limits": [["dollars", 3e6]]}}
        (best,) = in_node(content, laws, [one])
        ask = {"limits": [], "target": best[2], "cost": "dollars"}
        (cheapest,) = in_node(content, laws, [{"values": values, "ask": ask}])
        np.testing.assert_allclose(cheapest[:3], best[:3], rtol=1e-6)
        assert cheapest[3] == pytest.approx(3e6, rel=1e-9)
        ask = {"limits": [], "asGoodAs": 1e23, "cost": "compute with serving"}
        unserved = {"fixed.U": 1e300, "demand.input": 0.0, "demand.output": 0.0}
        (same,) = in_node(content, laws, [{"values": unserved, "ask": ask}])
        assert same[3] == pytest.approx(1e23, rel=1e-9)

    def test_more_tokens_are_not_taken_where_they_hurt(self):
        source = source_of("kumar2024_ptq/kumar2024")
        args = args_for_page(Question(budget=1e24, inputs={"P_post": 3.0}), source, None)
        ask = {"limits": [["compute with serving", 1e24], ["parameters", 1e9]]}
        laws = [[source.params[name] for name in source.law.parameters]]
        (result,) = in_node(content_of(source.law, args), laws, [{"values": {}, "ask": ask}])
        n, d, loss = result[:3]
        assert n == pytest.approx(1e9)
        assert 6 * n * d < 0.9e24
        with jax.enable_x64(True):
            near = source.law(n, d * np.array([0.9, 0.999, 1.001, 1.1]), 3.0, **source.params)
        assert np.all(np.asarray(near) > loss)


@pytest.fixture(scope="module")
def hostile(golden_huber):
    """A fit whose runs have names that would be code if they could."""
    table = golden_huber.table
    names = tuple(f"{HOSTILE} {k}" for k in range(12))
    clustered = replace(table, cluster=np.arange(table.n_rows) % 12, cluster_labels=names)
    return replace(golden_huber, table=clustered)


@pytest.fixture(scope="module")
def plan(hostile):
    return sj.plan(hostile, budget=float(f"{100 * hostile.table.flop.max():.1e}"))


@pytest.fixture(scope="module")
def text(hostile):
    return pages.render(hostile)


class TestFile:
    def test_is_one_small_file_that_lets_nothing_in(self, text):
        assert len(text.encode()) < 400_000
        policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)[1]
        assert policy.startswith("default-src 'none'")
        assert "unsafe" not in policy
        assert not re.search(r"\b(src|href)\s*=\s*[\"']?(http|//)", text)
        assert not re.search(r"fetch\(|XMLHttpRequest|import\(|eval\(|innerHTML", text)

    def test_names_are_text_wherever_they_stand(self, text):
        assert "<img" not in text
        assert text.count("<script") == 6
        data = json.loads(re.search(r'id="data">(.*?)</script>', text)[1])
        assert HOSTILE in data["runs"]["names"][0]

    def test_no_name_comes_into_the_code(self, hostile):
        assert "alert" not in pages.content(hostile)["code"]

    def test_the_verdict_of_the_plan_comes_first(self, plan, text):
        body = text[text.index("<main>") :]
        assert plan.headline in body[: body.index('class="columns"')]

    def test_a_thousand_draws_fit(self):
        one = np.random.default_rng(0).normal(size=1000)
        assert 7 * len(column(one)) < 80_000
        assert np.array_equal(column(np.full(9, 1.5)), 1.5)


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_a_link_is_an_answer_in_a_browser(plan, tmp_path):
    file = pages.page(plan, tmp_path / "page.html")
    address = f"{file.as_uri()}#budget=3e22"
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=5000"]
    done = subprocess.run(
        [CHROMIUM, *options, "--dump-dom", address], capture_output=True, text=True, check=True
    )
    shown = [float(one) for one in re.findall(r'<data value="([^"]+)" title', done.stdout)]
    wanted = sj.plan(plan.source.fit, budget=3e22)
    np.testing.assert_allclose(shown[:4:3], [wanted["N"], wanted["D"]], rtol=1e-6)


class TestTogether:
    def test_two_families_have_the_variance_of_their_difference(self):
        both = pages.together(np.array([1.0, 2.0]), np.array([0.1, 0.1]))
        assert both["tau"] ** 2 == pytest.approx(0.5 - 0.01)
        assert both["mean"] == pytest.approx(1.5)
        assert both["i2"] == pytest.approx(1 - 0.02)

    def test_equal_families_are_one(self):
        both = pages.together(np.full(4, 0.3), np.array([0.1, 0.2, 0.1, 0.3]))
        assert both["tau"] == both["i2"] == 0
        assert both["stderr"] == pytest.approx((100 + 25 + 100 + 100 / 9) ** -0.5)


def test_a_study_is_a_page(tmp_path):
    runs = pd.concat([family(k) for k in range(3)], ignore_index=True)
    runs["family"] += HOSTILE
    study = sj.Study(recipes=("chinchilla_tied",), by=("family",), run="model", resamples=8)
    text = pages.render(sj.study(study, runs))
    data = json.loads(re.search(r'id="data">(.*?)</script>', text)[1])
    assert "<img" not in text
    assert HOSTILE in data["names"]["family"]["names"][0]
    assert {one["families"] for one in data["together"]} == {3.0}


class TestCommand:
    def test_of_a_plan_a_fit_and_a_set(self, tmp_path, plan, monkeypatch, capsys):
        save_fit(plan.source.fit, tmp_path / "fit")
        (tmp_path / "plan").mkdir()
        (tmp_path / "plan" / "plan.json").touch()
        monkeypatch.setattr(planning, "load_plan", lambda folder, law: plan)
        for what in (str(tmp_path / "fit"), str(tmp_path / "plan"), "besiroglu2024"):
            out = tmp_path / "page.html"
            with pytest.raises(SystemExit) as done:
                main(["page", what, "-o", str(out), "--quiet"])
            assert not done.value.code, capsys.readouterr().err
            assert "scalejax page" in out.read_text(encoding="utf-8")[:400]

    def test_other_files_are_left_alone(self, tmp_path):
        (tmp_path / "mine.html").write_text("<p>mine</p>")
        with pytest.raises(UsageError, match="no page of ours"):
            pages.page("besiroglu2024", tmp_path / "mine.html")

"""Pages: their arithmetic is Python's, nothing in them can run or load, and they say what they are.

What needs `node` is skipped without it.
"""

import json
import re
import shutil
import subprocess
import warnings
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import scalejax as sj
from scalejax import pages
from scalejax.cli import main
from scalejax.errors import LawError, UsageError
from scalejax.fitting.storage import save_fit
from scalejax.optima import solve_many
from scalejax.pages.arithmetic import LIMITS, SHOWN
from scalejax.pages.decision import column
from scalejax.pages.document import joined
from scalejax.planning import EPOCHS, LIFETIME_FLOP, TOKENS, USD, loss_of
from scalejax.planning.evaluation import evaluate_draws

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


@pytest.fixture(scope="module")
def plan():
    machine = {"hardware": "h100", "gpus": 512}
    tokens = {"input_tokens": 1e12, "output_tokens": 1e12, "unique_tokens": 1e12}
    limits = {"budget": 1e24, "usd": 1e7, "max_tokens": 1e14}
    return sj.plan("besiroglu2024", **machine, **tokens, **limits)


def in_node(content, laws, questions):
    """N, D, loss and what is minimised, then every cost, for each question."""
    code = f"{joined(['solve.js'])}\nconst arithmetic = {content['code']};\n{HARNESS}"
    kept = {name: content[name] for name in ("values", "paths", "ranges")}
    return numbers(run_node(code, {"content": kept, "laws": laws, "questions": questions}))


def random_questions(plan, count):
    """Args that differ from question to question, and the same questions for a page."""
    rng = np.random.default_rng(1)
    over = {
        "law": {
            name: value * np.exp(rng.normal(0.0, 0.02, count))
            for name, value in plan.best.args["law"].items()
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
    laws = np.stack([over["law"][name] for name in plan.source.law.parameters], axis=1)
    numbers = {
        f"{group}.{name}": values
        for group in ("demand", "fixed")
        for name, values in over[group].items()
    }
    questions = [
        {
            "values": {path: float(values[k]) for path, values in numbers.items()},
            "ask": {"limits": [[n, float(v[k])] for n, v in over["limits"].items()]},
        }
        for k in range(count)
    ]
    return over, laws.tolist(), questions


@needs_node
class TestDecision:
    """The best N and D of a page are those of `scalejax.optima`."""

    def test_a_thousand_questions_cost_what_python_says(self, plan):
        over, laws, questions = random_questions(plan, QUESTIONS)
        result = in_node(pages.content(plan), laws, questions)
        decision = {"N": result[:, 0], "D": result[:, 1]}
        assert np.isfinite(result).all(axis=1).mean() > 0.95
        measures = (loss_of(plan.source.law), *COSTS)
        own = evaluate_draws(measures, decision, plan.best.args, over)
        own = np.stack([own[one.name] for one in measures], axis=1)
        np.testing.assert_allclose(result[:, 3:], own, rtol=1e-9)
        limits = np.stack(list(over["limits"].values()), axis=1)
        spent = np.stack([own[:, 1 + COSTS.index(one)] for one in (LIFETIME_FLOP, USD, TOKENS)], 1)
        used = (spent / limits)[np.isfinite(result[:, 0])]
        assert np.all(np.abs(used.max(axis=1) - 1) < 1e-9)

    @pytest.mark.parametrize(
        "count", [40, pytest.param(QUESTIONS, marks=pytest.mark.slow)], ids=["some", "all"]
    )
    def test_their_answers_are_the_optima(self, plan, count):
        over, laws, questions = random_questions(plan, count)
        result = in_node(pages.content(plan), laws, questions)
        optima = solve_many(plan.best.problem, plan.best.args, over)
        solved = optima.solved
        assert solved.mean() > 0.95
        np.testing.assert_allclose(result[solved, 2], optima.goal[solved], rtol=1e-9)
        for k, name in enumerate("ND"):
            np.testing.assert_allclose(result[solved, k], optima.decision[name][solved], rtol=1e-6)

    def test_a_loss_to_reach(self, plan):
        wanted = sj.plan("besiroglu2024", as_good_as=1e23, output_tokens=1e12, hardware="h100")
        content = pages.content(wanted)
        ask = {"limits": [], "asGoodAs": 1e23, "cost": "dollars"}
        laws = [list(content["law"]["parameters"].values())]
        (result,) = in_node(content, laws, [{"values": {"fixed.U": 1e300}, "ask": ask}])
        np.testing.assert_allclose(result[0], wanted["N"], rtol=1e-6)
        np.testing.assert_allclose(result[3], wanted["dollars"], rtol=1e-9)
        np.testing.assert_allclose(result[2], wanted.target, rtol=1e-9)

    def test_more_tokens_that_hurt(self):
        limits = {"budget": 1e24, "max_params": 1e9}
        wanted = sj.plan("kumar2024_ptq/kumar2024", inputs={"P_post": 3.0}, **limits)
        content = pages.content(wanted)
        laws = [list(content["law"]["parameters"].values())]
        ask = {"limits": [["compute with serving", 1e24], ["parameters", 1e9]]}
        (result,) = in_node(content, laws, [{"values": {}, "ask": ask}])
        assert 6 * result[0] * result[1] < 0.9e24  # they do hurt here
        np.testing.assert_allclose(result[:2], [wanted["N"], wanted["D"]], rtol=1e-6)
        np.testing.assert_allclose(result[2], wanted["loss"], rtol=1e-9)


@pytest.fixture(scope="module")
def hostile(golden):
    runs = golden.assign(run=[f"{HOSTILE} {k % 12}" for k in range(len(golden))])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return sj.fit(runs, run="run", resamples=30)


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

    def test_the_verdict_of_the_plan_comes_first(self, hostile, text):
        plan = sj.plan(hostile, budget=float(f"{100 * hostile.table.flop.max():.1e}"))
        body = text[text.index("<main>") :]
        assert plan.headline in body[: body.index('class="columns"')]

    def test_a_thousand_draws_fit(self):
        one = np.random.default_rng(0).normal(size=1000)
        assert 7 * len(column(one)) < 80_000
        assert np.array_equal(column(np.full(9, 1.5)), 1.5)


class TestCommand:
    def test_of_a_plan_a_fit_and_a_set(self, tmp_path, hostile, capsys):
        folder = tmp_path / "fit"
        save_fit(hostile, folder)
        sj.plan(hostile, budget=1e22).save(tmp_path / "plan")
        for what in (str(folder), str(tmp_path / "plan"), "besiroglu2024"):
            out = tmp_path / "page.html"
            with pytest.raises(SystemExit) as done:
                main(["page", what, "-o", str(out)])
            assert not done.value.code, capsys.readouterr().err
            assert pages.page.__name__ in out.read_text(encoding="utf-8")[:400]

    def test_other_files_are_left_alone(self, tmp_path):
        (tmp_path / "mine.html").write_text("<p>mine</p>")
        with pytest.raises(UsageError, match="no page of ours"):
            pages.page("besiroglu2024", tmp_path / "mine.html")

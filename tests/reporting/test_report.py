"""The report: what it says of good and of bad fits, and that nothing in it can run or load."""

import base64
import dataclasses
import html
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

mpl.use("Agg")

import matplotlib.pyplot as plt

import scalejax as sj
from scalejax import reporting
from scalejax.cli import cache, main
from scalejax.fitting import Draws, Fit
from scalejax.fitting.storage import save_fit
from scalejax.reporting import answers
from scalejax.reporting.decision import about_answers, answers_of
from scalejax.status import Status

HOSTILE = '"><img src=x onerror=alert(1)><script>alert(1)</script>$\\frac'
SECTIONS = ["data", "fit", "uncertainty", "diagnostics", "sensitivity", "prediction", "manifest"]
DRAWS = 60
VOID = {"meta", "br", "img", "link", "input", "hr"}
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)


class Page(HTMLParser):
    """Elements of a page in order, with the text of each."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.open = [], []
        self.feed(text)
        self.close()
        assert not self.open, "elements are left open"

    def handle_starttag(self, tag, attrs):
        element = {"tag": tag, "text": "", **dict(attrs)}
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag):
        assert self.open.pop()["tag"] == tag, f"{tag} closes another element"

    def handle_data(self, data):
        for element in self.open:
            element["text"] += data

    def all(self, *tags):
        return [element for element in self.elements if element["tag"] in tags]

    def texts(self, *tags):
        return [" ".join(element["text"].split()) for element in self.all(*tags)]

    def verdict(self):
        (box,) = (e for e in self.all("section") if e.get("id") == "verdict")
        return " ".join(box["text"].split())


def runs_on_a_ray() -> pd.DataFrame:
    """As many runs as GOLDEN-36 has, all with 20 tokens per parameter."""
    size = sj.datasets.load("golden36")["N"].to_numpy()
    loss = 1.7 + 400 * size**-0.34 + 410 * (20 * size) ** -0.28
    noise = 0.003 * np.random.default_rng(0).standard_normal(len(size))
    return pd.DataFrame({"N": size, "D": 20 * size, "loss": loss * np.exp(noise)})


@pytest.fixture(scope="module")
def fit(golden) -> Fit:
    return sj.fit(golden, resamples=DRAWS)


@pytest.fixture(scope="module")
def found(fit) -> reporting.Report:
    return reporting.content(fit)


@pytest.fixture(scope="module")
def good(found) -> str:
    return reporting.to_html(found)


@pytest.fixture(scope="module")
def ill() -> str:
    with pytest.warns(sj.FitWarning), pytest.warns(sj.DataWarning):
        # Patience with what no step mends takes minutes.
        fit = sj.fit(runs_on_a_ray(), resamples=8, max_steps=200, allow_unidentified=True)
    return reporting.render(fit)


@pytest.fixture(scope="module")
def hostile(golden) -> str:
    """A report in which all that a user can name is an attack."""
    columns = {"N": "N" + HOSTILE, "D": "D" + HOSTILE, "loss": "l" + HOSTILE}
    runs = golden.rename(columns=columns)
    runs["run"] = [f"{i // 3}{HOSTILE}" for i in range(len(runs))]
    runs.loc[35, columns["N"]] = np.nan
    with pytest.warns(sj.FitWarning, match="12 clusters"):
        fit = sj.fit(runs, columns=columns, run="run", on_bad="drop", resamples=DRAWS, seed=1)
    table = dataclasses.replace(fit.table, source=HOSTILE, notes=(*fit.table.notes, HOSTILE))
    versions = {**fit.versions, HOSTILE: HOSTILE}
    fit = dataclasses.replace(fit, table=table, versions=versions)
    return reporting.render(fit, title=HOSTILE, about={"optimizer": HOSTILE})


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    """Runs the command in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(cache.NO_CACHE_VARIABLE, "1")

    def call(*words):
        with pytest.raises(SystemExit) as end:
            main([str(word) for word in words])
        out, err = capsys.readouterr()
        return end.value.code or 0, out, err

    return call


@pytest.fixture
def no_refits(monkeypatch):
    """Influence and sensitivity left out, which take the time."""
    absent = reporting.blocks.Absent("Refits", "left out")
    monkeypatch.setattr(
        reporting.assembly, "check_robustness", lambda *_: answers.Robustness(absent, absent)
    )


class TestPage:
    def test_the_verdict_is_first_and_the_sections_follow_in_order(self, good):
        ids = [element["id"] for element in Page(good).all("section")]
        assert ids == ["verdict", *SECTIONS]

    def test_links_lead_to_the_sections(self, good):
        links = [element["href"] for element in Page(good).all("a")]
        assert links == [f"#{key}" for key in SECTIONS]

    def test_headings_go_down_one_level_at_a_time(self, good):
        levels = [int(e["tag"][1]) for e in Page(good).all("h1", "h2", "h3", "h4")]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert max(np.diff(levels)) <= 1

    def test_tables_have_captions_and_headers_and_pictures_have_words(self, good):
        page = Page(good)
        assert len(page.all("table")) >= 7
        assert len(page.all("caption")) == len(page.all("table"))
        assert all(page.texts("caption"))
        assert {e.get("scope") for e in page.all("th")} == {"col", "row"}
        pictures = page.all("img")
        assert len(pictures) >= 6
        assert all(len(picture["alt"]) > 20 for picture in pictures)
        assert page.all("html")[0]["lang"] == "en"

    @pytest.mark.parametrize("which", ["good", "ill", "hostile"])
    def test_nothing_runs_and_nothing_is_loaded(self, which, request):
        page = Page(request.getfixturevalue(which))
        kinds = {element["tag"] for element in page.elements}
        assert not kinds & {"script", "link", "iframe", "object", "embed", "base", "form", "svg"}
        for element in page.elements:
            assert not [name for name in element if name.startswith("on")]
            assert element.get("src", "data:image/svg+xml;base64,").startswith("data:image/svg+xml")
            assert element.get("href", "#").startswith("#")
        (style,) = page.texts("style")
        assert "url(" not in style
        assert "@import" not in style
        (policy,) = (e for e in page.all("meta") if "http-equiv" in e)
        assert policy["content"].startswith("default-src 'none'")

    def test_pictures_hold_no_code_and_load_nothing(self, hostile):
        for picture in Page(hostile).all("img"):
            drawn = base64.b64decode(picture["src"].partition(",")[2]).decode("utf-8")
            assert "<script" not in drawn
            assert "onerror" not in drawn.partition("<defs>")[2]
            assert set(re.findall(r'href="(.)', drawn)) <= {"#"}

    def test_hostile_names_are_shown_as_text(self, hostile):
        page = Page(hostile)
        assert page.texts("h1") == [HOSTILE]
        # Column, cluster, source, note, version and answer: each is there to be read.
        body = " ".join(page.all("body")[0]["text"].split())
        for text in (f"(column N{HOSTILE})", f"(column l{HOSTILE})", f"0{HOSTILE}"):
            assert text in body
        assert body.count(HOSTILE) >= 10
        assert "<script" not in hostile
        assert "<img src=x" not in hostile

    def test_control_characters_can_be_seen(self, found):
        marked = dataclasses.replace(found, title="a\u202eb\x00c", subtitle="tab\there")
        page = Page(reporting.to_html(marked))
        assert "\u202e" not in page.texts("h1")[0]
        assert "\x00" not in page.texts("h1")[0]

    def test_the_same_fit_gives_the_same_bytes(self, fit, good):
        assert reporting.render(fit) == good


class TestNumbers:
    def test_parameters_are_those_of_the_fit(self, fit, good):
        cells = Page(good).texts("td")
        for name, value in fit.params.items():
            assert any(np.isclose(_value(cell), value, rtol=5e-7, atol=0) for cell in cells), name

    def test_the_answer_is_the_best_split_of_the_fit(self, fit, found):
        budget = 100 * np.max(6 * fit.table.inputs["N"] * fit.table.inputs["D"])
        words = re.compile(r"For (\S+) FLOP .* has (\S+) parameters .* and (\S+) tokens")
        compute, size, ratio = map(_value, words.match(found.verdict.answer[0]).groups())
        assert compute == pytest.approx(budget, rel=0.05)
        alpha, a, beta, b = (fit.params[name] for name in ("alpha", "A", "beta", "B"))
        scale = (alpha * a / (beta * b)) ** (1 / (alpha + beta))
        best = scale * (compute / 6) ** (beta / (alpha + beta))
        assert size == pytest.approx(best, rel=5e-3)
        assert ratio == pytest.approx(compute / 6 / best**2, rel=5e-3)

    def test_intervals_of_the_conclusions_are_quantiles_of_the_draws(self, fit, found):
        frame = found.frames["conclusions"].set_index("conclusion")
        alpha = fit.draws.parameters["alpha"]
        low, high = np.quantile(alpha, [0.025, 0.975])
        assert frame.loc["alpha", "lo"] == pytest.approx(low, rel=1e-12)
        assert frame.loc["alpha", "hi"] == pytest.approx(high, rel=1e-12)

    def test_influence_agrees_with_a_fit_without_the_row(self, fit, found, golden):
        worst = found.frames["influence"].iloc[0]
        weight = (golden.index != worst["row"] - 1).astype(float)
        without = sj.fit(golden.assign(weight=weight), weights="weight", resamples=DRAWS)
        frame = found.frames["influence"]
        chosen = frame[(frame["row"] == worst["row"]) & (frame["conclusion"] == "beta")]
        assert chosen["without"].item() == pytest.approx(without.params["beta"], rel=1e-5)

    def test_predictions_go_along_the_best_split(self, fit, found):
        frame = found.frames["predictions"]
        assert set(frame["path"]) == {"compute-optimal"}
        np.testing.assert_allclose(6 * frame["N"] * frame["D"], frame["C"], rtol=1e-12)
        alpha, a, beta, b = (fit.params[name] for name in ("alpha", "A", "beta", "B"))
        # At the best split of 6 N D the two terms fall equally fast.
        fall = (alpha * a * frame["N"] ** -alpha) / (beta * b * frame["D"] ** -beta)
        np.testing.assert_allclose(fall, 1.0, rtol=1e-6)

    def test_tables_are_those_of_the_frames(self, found, tmp_path):
        files = reporting.save_tables(found, tmp_path / "tables")
        assert {file.stem for file in files} == set(found.frames) <= set(reporting.Report.FRAMES)
        back = pd.read_csv(tmp_path / "tables" / "conclusions.csv")
        np.testing.assert_array_equal(back["estimate"], found.frames["conclusions"]["estimate"])


def _value(text: str) -> float:
    """A number as the report writes it; NaN for other text."""
    text = text.replace("\N{MINUS SIGN}", "-")
    factor = {"k": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}.get(text[-1:], 0.0)
    try:
        return float(text[:-1]) * factor if factor else float(text)
    except ValueError:
        return float("nan")


class TestVerdict:
    def test_nothing_but_the_distance_speaks_against_a_good_fit(self, found):
        """100 times the largest compute is 1.4 decades away; rows 8 and 29 were moved by 3 %."""
        assert found.verdict.headline == ("Usable with care: the nearest run is 1.4 decades away")
        distance, outliers = found.verdict.caveats
        assert "3.6 to 4 % over one" in distance
        assert "row 8: 2.9 % above, row 29: 2.8 % above" in outliers

    def test_a_good_fit_is_sound_near_its_runs(self, fit, no_refits):
        verdict = reporting.content(fit, reporting.ReportOptions(at=[2e22])).verdict
        assert (verdict.grade, verdict.headline[:5]) == ("sound", "Sound")

    def test_the_range_is_the_answer_where_the_runs_do_not_say_more(self, fit, found):
        frame = found.frames["conclusions"].copy()
        size = frame["conclusion"].str.startswith("N* at")
        frame.loc[size, ["lo", "hi"]] = 2e10, 3e11
        (answer, _) = answers_of(fit, frame, "care")
        assert "FLOP train 20B to 300B parameters: the runs do not say more (best guess" in answer
        assert "What would narrow it: larger runs; scalejax design finds them." in answer
        first = next(about_answers(fit, frame))
        assert first.short.startswith("the runs leave 20B to 300B parameters for ")

    def test_an_ill_fit_says_so_first_and_gives_no_answer(self, ill):
        verdict = Page(ill).verdict()
        assert verdict.startswith("Do not rely on this fit")
        assert "the best model has" not in verdict
        assert "20 tokens per parameter" in verdict

    @pytest.mark.slow
    def test_without_draws_the_report_says_where_intervals_come_from(self, fit):
        found = reporting.content(dataclasses.replace(fit, draws=Draws.none(fit.law)))
        assert found.verdict.grade == "care"
        assert "There are no resamples" in found.verdict.caveats[0]
        page = Page(reporting.to_html(found))
        assert "the fit was made without resamples" in page.all("main")[0]["text"]
        low, high = (found.frames["conclusions"][name] for name in ("lo", "hi"))
        assert np.all((low > 0) & (low < high))

    def test_failed_draws_are_withheld(self, fit, no_refits):
        status = fit.draws.status.copy()
        status[: DRAWS // 2] = Status.MAX_STEPS
        draws = dataclasses.replace(fit.draws, status=status)
        found = reporting.content(dataclasses.replace(fit, draws=draws))
        assert found.verdict.grade == "unsound"
        assert any("30 of 60 resamples failed" in text for text in found.verdict.caveats)
        assert found.frames["conclusions"]["lo"].isna().all()
        assert "correlations" not in found.frames
        absent = [e["text"] for e in Page(reporting.to_html(found)).all("p") if e.get("class")]
        assert any("too many of the resamples failed" in text for text in absent)
        assert any("left out" in text for text in absent)

    @pytest.mark.slow
    def test_other_budgets_and_a_declared_discrepancy(self, fit, no_refits):
        found = reporting.content(fit, reporting.ReportOptions(at=[1e24, 1e25], discrepancy=0.02))
        assert sum("the best model has" in text for text in found.verdict.answer) == 2
        assert 0.02 in set(found.frames["predictions"]["discrepancy"])

    @pytest.mark.parametrize(
        ("wrong", "words"),
        [
            ({"at": [0.0]}, "positive number"),
            ({"discrepancy": -1.0}, "share per decade"),
            ({"level": 2.0}, "level"),
        ],
    )
    def test_senseless_wishes_are_refused(self, fit, wrong, words):
        with pytest.raises(sj.UsageError, match=words):
            reporting.content(fit, reporting.ReportOptions(**wrong))

    def test_large_tables_are_not_refitted_row_by_row(self, fit, monkeypatch):
        monkeypatch.setattr(answers, "MOST_UNITS", 35)
        what = answers.conclusions_at(fit, None)
        with pytest.raises(sj.UsageError, match="36 of them"):
            answers._influence(fit, what)


class TestFiles:
    def test_a_report_is_replaced_and_another_file_is_not(self, good, tmp_path):
        path = tmp_path / "report.html"
        reporting.save(good, path)
        reporting.save(good, path)
        assert path.read_text(encoding="utf-8") == good
        assert [file.name for file in tmp_path.iterdir()] == ["report.html"]
        other = tmp_path / "runs.csv"
        other.write_text("N,D,loss\n")
        with pytest.raises(sj.UsageError, match="no report of ours"):
            reporting.save(good, other)
        assert other.read_text() == "N,D,loss\n"

    def test_a_folder_of_other_files_gets_no_tables(self, found, tmp_path):
        (tmp_path / "runs.csv").write_text("mine")
        with pytest.raises(sj.UsageError, match="holds other files"):
            reporting.save_tables(found, tmp_path)

    @pytest.mark.parametrize("place", [".", "none/report.html"])
    def test_places_that_cannot_be_written_are_refused(self, place, tmp_path):
        with pytest.raises(sj.UsageError, match="folder"):
            reporting.check_path(tmp_path / place)


class TestCommand:
    def test_it_writes_the_page_and_the_tables(self, run, fit, good, tmp_path):
        save_fit(fit, tmp_path / "fit", about={"optimizer": "AdamW"})
        code, out, err = run("report", "fit", "-o", "r.html", "--tables", "t")
        assert (code, out) == (0, "")
        assert "wrote r.html: Usable with care: the nearest run" in err
        page = (tmp_path / "r.html").read_text(encoding="utf-8")
        assert "AdamW" in page
        assert Page(page).verdict() == Page(good).verdict()
        assert (tmp_path / "t" / "influence.csv").is_file()

    @pytest.mark.slow
    def test_what_takes_long_is_said_and_quiet_is_quiet(
        self, run, fit, no_refits, tmp_path, monkeypatch
    ):
        monkeypatch.setattr(sys.modules["scalejax.cli.report"], "SLOW", 0.0)
        fit.save(tmp_path / "fit")
        assert "uncertainty ..." in run("report", "fit", "-o", "r.html")[2]
        assert run("report", "fit", "-o", "r.html", "--quiet") == (0, "", "")

    @pytest.mark.parametrize(
        ("words", "code", "message"),
        [
            (["none", "-o", "r.html"], 2, "no folder of a fit"),
            (["fit"], 2, "--out"),
            (["fit", "-o", "r.html", "--level", "2"], 2, "between 0 and 1"),
            (["fit", "-o", "r.html", "--at", "C=much"], 2, "must be a positive number"),
            (["fit", "-o", "r.html", "--discrepancy", "-1"], 2, "a share per decade"),
            (["fit", "-o", "fit"], 2, "is a folder"),
            (["fit", "-o", "fit/fit.json"], 2, "no report of ours"),
            (["fit", "-o", "none/r.html"], 2, "no folder"),
            (["fit", "-o", "r.html", "--tables", "fit"], 2, "other files"),
        ],
    )
    def test_mistakes_are_named(self, run, fit, tmp_path, words, code, message):
        fit.save(tmp_path / "fit")
        found, out, err = run("report", *words)
        assert (found, out) == (code, "")
        assert message in " ".join(err.replace("│", " ").split())
        assert "Traceback" not in err
        assert not (tmp_path / "r.html").exists()

    def test_a_damaged_manifest_is_named(self, run, fit, tmp_path):
        fit.save(tmp_path / "fit")
        (tmp_path / "fit" / "manifest.json").write_text("{}")
        code, _, err = run("report", "fit", "-o", "r.html")
        assert code == 1
        assert "manifest.json is damaged" in err


def browse(*options: str, tmp_path) -> str:
    """What headless Chromium prints."""
    done = subprocess.run(
        [
            *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
            *("--no-first-run", "--disable-background-networking", "--disable-sync"),
            *(f"--user-data-dir={tmp_path / 'profile'}", *options),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
@pytest.mark.parametrize("width", [400, 1280])
@pytest.mark.parametrize("which", ["good", "ill", "hostile"])
class TestBrowser:
    def test_the_page_is_not_wider_than_the_screen(self, which, width, request, tmp_path):
        # The page itself holds no script, so one around it asks a frame of that width.
        page = html.escape(request.getfixturevalue(which))
        (tmp_path / "around.html").write_text(
            f'<body><iframe width="{width}" height="800" srcdoc="{page}" onload="'
            "const root = this.contentDocument.documentElement;"
            "document.body.dataset.found = [root.clientWidth, root.scrollWidth,"
            "[...root.querySelectorAll('img')].filter(i => i.naturalWidth > 0).length].join()\">",
            encoding="utf-8",
        )
        dom = browse(
            "--dump-dom",
            "--virtual-time-budget=10000",
            (tmp_path / "around.html").as_uri(),
            tmp_path=tmp_path,
        )
        inner, needed, pictures = map(int, re.search(r'data-found="(.*?)"', dom)[1].split(","))
        assert inner == pytest.approx(width, abs=20)
        assert needed <= inner
        assert pictures == len(Page(request.getfixturevalue(which)).all("img")) > 0

    def test_there_is_something_to_be_seen(self, which, width, request, tmp_path):
        (tmp_path / "r.html").write_text(request.getfixturevalue(which), encoding="utf-8")
        shot = tmp_path / "shot.png"
        browse(
            f"--screenshot={shot}",
            f"--window-size={width},900",
            (tmp_path / "r.html").as_uri(),
            tmp_path=tmp_path,
        )
        pixels = plt.imread(shot)
        assert pixels.shape[1] == width
        # White paper with text: the text is a few per cent of it, and the bar at the side coloured.
        grey = pixels[..., :3].mean(axis=2)
        assert 0.01 < np.mean(grey < 0.5) < 0.5
        assert np.mean(np.ptp(pixels[..., :3], axis=2) > 0.3) > 1e-3

"""Reductions: what pandas' own groupby makes of the same rows, in any order, and nothing unsaid.

A table says all that a fit depends on by its `fingerprint`, so that two ways to one table are
compared without a fit.
"""

import itertools

import numpy as np
import pandas as pd
import pytest
from cases import CASES, needs_cases

import scalejax as sj
from scalejax.data import load_table
from scalejax.errors import InputError, UsageError

SIZES, TOKENS = np.array([1e8, 3e8, 1e9, 3e9]), np.array([2e9, 1e10, 5e10])
RNG = np.random.default_rng(7)


def loss_of(n, d):
    return 1.8 + 300 * n**-0.33 + 900 * d**-0.32


def best_rate(n, d):
    return 2 * n**-0.4 * d**0.1


def runs(steps=6, noise=0.01):
    """Checkpoints of runs of four sizes, from step 1, with noise that shows what was taken."""
    rows = itertools.product(SIZES, range(1, steps + 1))
    frame = pd.DataFrame(rows, columns=["N", "step"])
    frame["run"] = [f"r{n:.0e}" for n in frame["N"]]
    frame["D"] = 1e9 * frame["step"]
    frame["loss"] = loss_of(frame["N"], frame["D"]) + noise * RNG.random(len(frame))
    return frame


def sweep(tried=7, noise=0.0):
    """Losses at every point of a grid for rates about the best one, which lies between two."""
    rows = [
        (n, d, best_rate(n, d) * 2 ** (k - tried // 2 + 0.3))
        for n, d, k in itertools.product(SIZES, TOKENS, range(tried))
    ]
    frame = pd.DataFrame(rows, columns=["N", "D", "lr"])
    away = np.log(frame["lr"] / best_rate(frame["N"], frame["D"]))
    frame["loss"] = loss_of(frame["N"], frame["D"]) * (1 + 0.02 * away**2)
    frame["loss"] += noise * RNG.standard_normal(len(frame))
    return frame


def seeds(count=3):
    frame = pd.DataFrame(itertools.product(SIZES, TOKENS, range(count)), columns=["N", "D", "seed"])
    frame["loss"] = loss_of(frame["N"], frame["D"]) * (1 + 0.01 * RNG.random(len(frame)))
    return frame


def shuffled(frame, seed=0):
    return frame.sample(frac=1, random_state=seed).reset_index(drop=True)


def as_text(frame):
    """The cells as a file has them."""
    return frame.map(lambda cell: "" if pd.isna(cell) else str(cell))


def same(one, other):
    """Whether two tables hold the same rows, in any order and up to rounding of means."""
    frames = [t.to_frame().drop(columns=["row"]) for t in (one, other)]
    frames = [f.sort_values([*one.inputs]).reset_index(drop=True) for f in frames]
    pd.testing.assert_frame_equal(*frames, check_exact=False, rtol=1e-12)
    return True


def codes_of(source, **options):
    with pytest.raises(InputError) as caught:
        load_table(source, **options)
    return [problem.code for problem in caught.value.problems]


FINAL = runs()
AVERAGED = seeds()
SWEPT = sweep(noise=1e-3)
REDUCTIONS = {
    "final": (FINAL, {"reduce": "final"}, FINAL.groupby("run").tail(1)),
    "final:3": (
        FINAL,
        {"reduce": "final:3"},
        FINAL.groupby("run").tail(1).assign(
            loss=FINAL.groupby("run").tail(3).groupby("run", sort=False)["loss"].mean().to_numpy()
        ),
    ),
    "without the first tokens": (FINAL, {"drop_first": "3B"}, FINAL[FINAL["D"] >= 3e9]),
    "without the first half": (FINAL, {"drop_first": "50%"}, FINAL[FINAL["D"] >= 3e9]),
    "means of seeds": (
        AVERAGED, {"average": "seed"}, AVERAGED.groupby(["N", "D"], as_index=False)["loss"].mean(),
    ),
    "the best of rates": (
        SWEPT, {"best_of": "lr"}, SWEPT.loc[SWEPT.groupby(["N", "D"])["loss"].idxmin()],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("frame", "options", "expected"), REDUCTIONS.values(), ids=REDUCTIONS)
class TestReductionsAreThoseOfPandas:
    @pytest.mark.parametrize("order", [None, 1, 2])
    def test_in_any_order(self, frame, options, expected, order):
        source = frame if order is None else shuffled(frame, order)
        table = load_table(source, **options)
        assert same(table, load_table(expected))
        assert any(str(len(frame)) in note or "set aside" in note for note in table.notes)

    def test_as_text_with_other_columns_in_front(self, frame, options, expected):
        text = as_text(frame)[[*reversed(frame.columns)]].rename(columns=str.upper)
        assert same(load_table(text, **options), load_table(expected))

    def test_rows_keep_their_numbers(self, frame, options, expected):
        table = load_table(shuffled(frame), **options)
        source = shuffled(frame)
        assert np.array_equal(source["N"].to_numpy()[table.row - 1], table.inputs["N"])
        gone = [item.row for item in table.set_aside]
        assert not set(gone) & {*table.row}


class TestEnds:
    def test_every_row_is_the_default(self):
        same(load_table(FINAL), load_table(FINAL, reduce="every"))

    def test_a_bad_last_row_is_refused_and_not_passed_over(self):
        frame = FINAL.copy()
        frame.loc[5, "loss"] = np.nan
        assert codes_of(frame, reduce="final") == ["E101"]
        table = load_table(frame, reduce="final", on_bad="drop")
        assert table.inputs["D"][0] == 5e9
        assert [(item.row, item.code) for item in table.set_aside] == [(6, "E101")]

    def test_rows_excluded_by_number_are_those_of_the_source(self):
        table = load_table(FINAL, reduce="final", exclude=[6])
        assert [*table.row] == [5, 12, 18, 24]
        assert [item.row for item in table.set_aside] == [6]

    def test_same_names_in_two_families_are_two_runs(self):
        both = pd.concat([FINAL.assign(family="a"), FINAL.assign(family="b", N=FINAL["N"] * 2)])
        assert load_table(both, reduce="final", by="family").n_rows == 8
        assert load_table(both, reduce="final", run=["family", "run"]).n_rows == 8

    def test_runs_without_a_name_are_asked_for(self):
        frame = FINAL.drop(columns="run")
        with pytest.raises(InputError, match="Say run="):
            load_table(frame, reduce="final")
        with pytest.raises(InputError, match="'run', 'model' may all be the run"):
            load_table(FINAL.assign(model=FINAL["run"]), reduce="final")

    @pytest.mark.parametrize(
        "options",
        [
            *({"reduce": word} for word in ("last", "final:0", "final:-1", "final:x", "")),
            *({"drop_first": word} for word in ("-1", "x", "100%", "inf", -0.1)),
            *({"average": word} for word in ("", "seed:error")),
            *({"best_of": word} for word in ("", ":parabola", "lr:cubic")),
            *({"tokens_per_step": word} for word in (0, "-1", "batch*", "inf")),
            *({"best_of": word} for word in ("N", "D")),
        ],
    )
    def test_words_that_say_nothing_are_refused(self, options):
        with pytest.raises(UsageError, match=next(iter(options))):
            load_table(FINAL, **options)


class TestStepZero:
    @pytest.mark.parametrize("name", ["step", "Step", "_step", "Global Step", "iteration"])
    def test_it_is_an_untrained_model(self, name):
        first = FINAL.head(1).assign(step=0, D=0.0, loss=10.8)
        frame = pd.concat([first, FINAL]).rename(columns={"step": name})
        table = load_table(frame)
        assert same(table, load_table(FINAL))
        assert [(i.row, i.reason) for i in table.set_aside] == [(1, "step 0: an untrained model")]

    def test_steps_are_an_input(self):
        curve = FINAL.head(6)[["step", "loss"]]
        assert [*load_table(curve, inputs=["S"]).inputs["S"]] == [1, 2, 3, 4, 5, 6]


class TestMeans:
    def test_sigma_is_the_pooled_standard_error(self):
        table = load_table(AVERAGED.drop(index=[0]), average="seed:sigma")
        group = AVERAGED.drop(index=[0]).groupby(["N", "D"])["loss"]
        mean, count = group.mean(), group.count()
        scatter = (AVERAGED.drop(index=[0])["loss"] / group.transform("mean") - 1) ** 2
        pooled = np.sqrt(scatter.sum() / (len(scatter) - len(mean)))
        sigma = pooled * mean / np.sqrt(count)
        np.testing.assert_allclose(1 / np.sqrt(table.weight), sigma.to_numpy(), rtol=1e-9)

    def test_other_columns_keep_rows_apart_and_are_named(self):
        frame = AVERAGED.assign(run_id=range(len(AVERAGED)), lr=[1e-3, 2e-3, 1e-3] * 12)
        with pytest.raises(InputError, match='average="seed,run_id,lr"'):
            load_table(frame, average="seed")
        assert load_table(frame, average="seed,run_id").n_rows == 24

    def test_sigma_twice_is_refused(self):
        with pytest.raises(UsageError, match="sigma="):
            load_table(AVERAGED.assign(w=1.0), average="seed:sigma", weights="w")


class TestSweeps:
    @pytest.mark.parametrize("tried", [3, 4, 7])
    @pytest.mark.parametrize("how", ["", ":parabola", ":least-squares"])
    def test_a_parabola_without_noise_returns_the_optimum(self, tried, how):
        table = load_table(shuffled(sweep(tried)), target="lr", best_of=f"lr{how}")
        np.testing.assert_allclose(table.target, best_rate(*table.inputs.values()), rtol=1e-7)
        if how:
            table = load_table(sweep(tried), best_of=f"lr{how}")
            np.testing.assert_allclose(table.target, loss_of(*table.inputs.values()), rtol=1e-12)

    @pytest.mark.parametrize("name", ["lr", "learning_rate", "LR", "peak_lr"])
    def test_a_law_of_the_best_rate_takes_only_optima(self, name):
        frame = sweep().rename(columns={"lr": name})
        if name in ("lr", "learning_rate", "LR"):
            assert codes_of(frame, target="lr") == ["E180"]
        assert load_table(frame, target="lr", best_of="lr").n_rows == 12

    def test_a_table_of_optima_is_fine_as_it_is(self):
        optima = load_table(sweep(), target="lr", best_of="lr").to_frame()
        table = optima.rename(columns={"loss": "lr"})[["N", "D", "lr"]]
        assert load_table(table.assign(loss=2.0), target="lr").n_rows == 12

    def test_sizes_at_a_budget_are_a_sweep_too(self):
        frame = pd.DataFrame(itertools.product([1e19, 1e20], SIZES), columns=["C", "N"])
        frame["loss"] = 2 + (np.log(frame["N"]) - 0.45 * np.log(frame["C"])) ** 2 / 100
        assert codes_of(frame, inputs=["C"], target="N") == ["E180"]
        table = load_table(frame, inputs=["C"], target="N", best_of="N")
        np.testing.assert_allclose(table.target, table.inputs["C"] ** 0.45, rtol=1e-7)

    def test_an_optimum_at_an_end_is_said_and_no_vertex_is_taken(self):
        rising = sweep(5)
        first = rising["N"] == 1e8
        rising.loc[first, "loss"] = 5 - np.log(rising.loc[first, "lr"])
        row = load_table(rising, best_of="lr")
        assert row.n_rows == 12
        assert any("at 3 of 12 points" in note for note in row.notes)
        vertex = load_table(rising, best_of="lr:parabola")
        assert vertex.n_rows == 9
        assert {item.row for item in vertex.set_aside} == {*range(1, 16)}
        assert any("3 points set aside (15 rows)" in note for note in vertex.notes)

    def test_a_run_that_diverged_is_never_the_best(self):
        frame = sweep(5)
        frame.loc[frame.groupby(["N", "D"])["lr"].idxmax(), "loss"] = np.nan
        table = load_table(frame, best_of="lr")
        assert np.isfinite(table.target).all()
        assert any("12 rows without a finite response" in note for note in table.notes)

    def test_words_in_place_of_a_loss_are_not_passed_over(self):
        frame = sweep(5).astype({"loss": object})
        frame.loc[3, "loss"] = "three"
        assert codes_of(frame, best_of="lr") == ["E120"]

    def test_the_error_of_the_optimum_is_right(self):
        """Over many draws of the noise the scatter of the optimum is what sigma says."""
        off, sigma = [], []
        for _ in range(40):
            table = load_table(sweep(9, noise=3e-4), target="lr", best_of="lr:least-squares")
            off.append(table.target / best_rate(*table.inputs.values()) - 1)
            sigma.append(1 / np.sqrt(table.weight) / table.target)
        ratio = np.std(off) / np.sqrt(np.mean(np.square(sigma)))
        assert 0.8 < ratio < 1.25

    def test_several_columns(self):
        frame = pd.concat([sweep(5).assign(batch=b) for b in (1e5, 2e5)])
        frame["loss"] += 0.1 * (frame["batch"] == 1e5)
        table = load_table(frame, best_of="lr,batch")
        assert same(table, load_table(frame[frame["batch"] == 2e5], best_of="lr"))
        rate = load_table(frame, target="lr", best_of="lr,batch")
        np.testing.assert_allclose(rate.target, best_rate(*rate.inputs.values()), rtol=1e-7)

    def test_a_loss_of_a_sweep_is_warned_of_with_the_remedy(self):
        (warning,) = [w for w in load_table(sweep()).warnings if w.code == "W204"]
        assert 'best_of="lr"' in warning.message

    def test_accuracy_is_best_where_it_is_highest(self):
        frame = sweep(5).rename(columns={"loss": "accuracy"})
        frame["accuracy"] = 1 / frame["accuracy"]
        table = load_table(frame, target="accuracy", best_of="lr")
        expected = frame.groupby(["N", "D"])["accuracy"].max().to_numpy()
        np.testing.assert_array_equal(table.target, expected)


ONE_SIZE = {
    "Qwen3-0.6B-base": 6e8, "n300M": 3e8, "160m-deduped": 1.6e8, "acme/Foo-1.5B": 1.5e9,
    "pythia_1.4b": 1.4e9, "N=70M": 7e7, "Llama-3-8B-Instruct": 8e9, "m (13B)": 1.3e10,
}  # fmt: skip
NO_ONE_SIZE = ("gpt2-xl", "Qwen3-30B-A3B", "Mixtral-8x7B", "olmo-7B-1T", "step1000", "", "v1.5")


class TestSizesInNames:
    @pytest.mark.parametrize("column", ["model", "Run", "model_name"])
    def test_they_are_read_where_nothing_else_says_the_size(self, column):
        frame = pd.DataFrame({column: [*ONE_SIZE], "loss": np.linspace(3, 2, len(ONE_SIZE))})
        table = load_table(frame, inputs=["N"])
        np.testing.assert_array_equal(table.inputs["N"], [*ONE_SIZE.values()])
        assert "Qwen3-0.6B-base = 600M" in table.notes[0]
        assert same(table, load_table(frame, inputs=["N"], size_from=column))

    @pytest.mark.parametrize("name", NO_ONE_SIZE)
    def test_a_name_without_one_is_refused(self, name):
        frame = pd.DataFrame({"model": [*ONE_SIZE, name], "loss": 2.0})
        assert codes_of(frame, inputs=["N"]) == ["E126"]
        if name:
            assert codes_of(frame, inputs=["N"], size_from="model") == ["E183"]

    @pytest.mark.parametrize("name", ["gemma2b", "bs512k", "tokens2B", "ctx4k", "lr3m"])
    def test_what_may_be_something_else_is_not_read_unasked(self, name):
        frame = pd.DataFrame({"run": [*ONE_SIZE, name], "loss": 2.0})
        assert codes_of(frame, inputs=["N"]) == ["E126"]

    def test_a_column_of_sizes_wins(self):
        frame = pd.DataFrame({"model": [*ONE_SIZE], "params": 1e8 * np.arange(1, 9), "loss": 2.0})
        assert load_table(frame, inputs=["N"]).inputs["N"][0] == 1e8
        assert codes_of(frame, inputs=["N"], size_from="model") == ["E124"]


LOG = FINAL.drop(columns="D")
TOKEN_COLUMNS = {
    "a number": ({}, {"tokens_per_step": 1e9}),
    "text": ({}, {"tokens_per_step": "1B"}),
    "a product": ({"batch": 500_000}, {"tokens_per_step": "batch*2000"}),
    "tokens by name": ({"batch_tokens": 1e9}, {}),
    "tokens in brackets": ({"Batch size (tokens)": 1e9}, {}),
    "in a configuration": ({"config.train.batch_tokens": 1e9}, {}),
    "sequences by name": ({"batch_seqs": 10**6, "seq_len": 1000}, {}),
    "fewer than a context": ({"batch_size": 25_000, "seq_len": 40_000}, {}),
    "too many for sequences": ({"global_batch": 10**9, "context": 2000}, {}),
}


class TestTokensOfSteps:
    @pytest.mark.parametrize(("columns", "options"), TOKEN_COLUMNS.values(), ids=TOKEN_COLUMNS)
    def test_they_are_counted(self, columns, options):
        table = load_table(as_text(LOG.assign(**columns)), **options)
        assert same(table, load_table(FINAL))
        assert any(note.startswith("D = 'step' x ") for note in table.notes)

    @pytest.mark.parametrize(
        "columns",
        [
            {"batch_size": 4096, "seq_len": 2048},
            {"batch_size": 512},
            {"batch": 512, "seq_len": 2048, "gradient_accumulation_steps": 4},
        ],
    )
    def test_what_could_mean_two_things_is_asked(self, columns):
        assert codes_of(LOG.assign(**columns)) == ["E184"]

    def test_steps_without_tokens_are_asked_for_them(self):
        with pytest.raises(InputError, match="tokens_per_step="):
            load_table(LOG)

    def test_a_column_of_tokens_wins(self):
        table = load_table(FINAL.assign(batch_size=4096, seq_len=2048))
        assert same(table, load_table(FINAL))
        assert codes_of(FINAL, tokens_per_step=1) == ["E124"]


class TestSecondTable:
    def test_it_adds_what_the_log_lacks(self, tmp_path):
        sizes = FINAL.drop_duplicates("run")[["run", "N"]].assign(tokens_per_step=1e9)
        log = FINAL[["run", "step", "loss"]]
        whole = load_table(FINAL)
        assert same(load_table(log, runs=sizes), whole)
        shuffled(sizes.rename(columns={"run": "model"})).to_csv(tmp_path / "s.csv", index=False)
        assert same(load_table(log, runs=tmp_path / "s.csv"), whole)

    def test_names_on_either_side(self):
        sizes = FINAL.drop_duplicates("run")[["run", "N"]]
        log = FINAL.drop(columns="N")
        assert codes_of(log, runs=sizes.iloc[1:]) == ["E181"]
        assert codes_of(log, runs=pd.concat([sizes, sizes])) == ["E181"]
        more = pd.concat([sizes, pd.DataFrame({"run": ["other"], "N": [5.0]})])
        assert "1 of its runs have no rows here" in load_table(log, runs=more).notes[0]


class TestLongTables:
    @pytest.mark.parametrize("metric", ["metric", "tag", "Name", "key"])
    def test_metrics_become_columns(self, metric):
        long = FINAL.melt(["run", "step", "N", "D"], ["loss"], metric, "value")
        other = long.assign(**{metric: "grad_norm", "value": 1.0, "step": long["step"] + 100})
        table = load_table(shuffled(pd.concat([long, other.assign(D=9e9)])).assign(wall_time=1.0))
        assert same(table, load_table(FINAL))
        assert any("left out" in note for note in table.notes)

    def test_rows_keep_the_number_of_their_first_cell(self):
        long = FINAL.melt(["run", "step", "D"], ["N", "loss"], "metric", "value")
        table = load_table(long)
        np.testing.assert_array_equal(long["D"].to_numpy()[table.row - 1], table.inputs["D"])


def test_reductions_are_recorded_and_the_same_at_the_terminal(tmp_path, capsys):
    sweep().to_csv(tmp_path / "sweep.csv", index=False)
    fit = sj.fit(tmp_path / "sweep.csv", "lr_from_N_D", best_of="lr", resamples=0)
    np.testing.assert_allclose([*fit.params.values()], [2, -0.4, 0.1], rtol=1e-5)
    assert fit.settings["table_options"] == {"best_of": "lr"}
    from scalejax.cli import main

    words = [str(tmp_path / "sweep.csv"), "--law", "lr_from_N_D"]
    with pytest.raises(SystemExit) as end:
        main(["check", *words])
    assert end.value.code == 1
    assert "--best-of lr" in capsys.readouterr().out
    with pytest.raises(SystemExit) as end:
        main(["check", *words, "--best-of", "lr"])
    assert not end.value.code
    assert "a parabola in ln lr" in capsys.readouterr().out


@needs_cases
class TestCases:
    def test_the_law_of_the_best_rate(self):
        table = load_table(CASES / "rate_sweep.csv", target="lr", best_of="lr")
        np.testing.assert_allclose(table.target, best_rate(*table.inputs.values()), rtol=1e-6)

    def test_the_law_of_the_best_loss(self):
        table = load_table(CASES / "rate_sweep.csv", best_of="lr:parabola")
        np.testing.assert_allclose(table.target, loss_of(*table.inputs.values()), rtol=1e-8)

    def test_sizes_in_names(self):
        table = load_table(CASES / "sizes_in_names.csv", inputs=["N"])
        np.testing.assert_allclose(table.target, 1.7 + 400 * table.inputs["N"] ** -0.35, rtol=1e-7)

    def test_a_curve_of_steps(self):
        table = load_table(CASES / "curve.csv", inputs=["S"])
        np.testing.assert_allclose(table.target, 2.2 + 40 * table.inputs["S"] ** -0.45, rtol=1e-5)
        assert [item.row for item in table.set_aside] == [1]

    def test_a_chart_of_a_tracker_in_long_form(self):
        chart = pd.read_csv(CASES / "wandb_wide.csv")
        series = [c for c in chart if c.endswith("loss")]
        long = chart.melt(["Step"], series, "run", "val_loss")
        long["run"] = long["run"].str.removesuffix(" - val/loss")
        table = load_table(long, tokens_per_step=5e5)
        np.testing.assert_allclose(table.target, loss_of(*table.inputs.values()), rtol=1e-7)
        assert table.n_rows == 12

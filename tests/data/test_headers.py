"""Headers as people write them: spellings, units and doubts, by a generator and by the cases."""

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cases import CASES, needs_cases

import scalejax as sj
from scalejax.cli import main
from scalejax.data import (
    Candidate,
    Request,
    column_of,
    column_problems,
    folded,
    inspect_table,
    read_mapping,
    save_mapping,
)
from scalejax.data.headers import unit_of
from scalejax.errors import InputError, UsageError

GOOD = sj.datasets.load("golden36")
PREFIXES = ("", "metrics.", "params.", "config.", "summary.", "config/")
LETTERS = (str, str.upper, str.title, str.lower)
SEPARATORS = (" ", "_", "-", ".", "/")
NAMES = {
    "N": ("model size", "num params", "parameter count", "n parameters", "total params"),
    "D": ("training tokens", "num tokens", "tokens seen", "total tokens", "train tokens"),
    "C": ("training flops", "compute budget", "total flops", "flops budget", "training compute"),
    "loss": ("val loss", "validation loss", "eval loss", "final loss", "test loss", "lm loss"),
}
SCALES = {
    1e6: ("{} (M)", "{} [M]", "{} (millions)", "{} (in millions)", "{}_M", "{} in millions",
          "{}, millions", "Million {}", "{} (1e6)", "{} (x10^6)", "{} (\u00d71e6)"),
    1e9: ("{} (B)", "{} [B]", "{} (billions)", "{}_B", "{}_in_billions", "{} (bn)",
          "billions of {}", "{} (1e9)", "{} (G)", "B {}"),
    1e12: ("{} (T)", "{} [trillions]", "{}_T", "{} (10**12)"),
}  # fmt: skip


def spelt(words, prefix, case, separator):
    return prefix + case(words).replace(" ", separator)


def spellings(quantity):
    """Forty ways to write a quantity."""
    rng = np.random.default_rng(len(quantity))
    every = [*itertools.product(NAMES[quantity], PREFIXES, LETTERS, SEPARATORS)]
    return [spelt(*every[i]) for i in rng.choice(len(every), 40, replace=False)]


def frame(*names):
    rng = np.random.default_rng(0)
    return pd.DataFrame({name: rng.uniform(2, 3, 4) for name in names})


@pytest.mark.parametrize("quantity", NAMES)
def test_spellings(quantity):
    for header in spellings(quantity):
        match = column_of(frame("note", header, "layers"), quantity)
        assert isinstance(match, Candidate), header
        assert (match.column, match.unit.factor) == (header, 1), header


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("group", ["model.", "train/", "Model.arch."])
def test_groups_of_a_nested_configuration(prefix, group):
    sized = frame("note", f"{prefix}{group}n_params", f"{prefix}{group}tokens", "loss")
    assert column_of(sized, "N").column == sized.columns[1]
    assert column_of(sized, "D").column == sized.columns[2]
    assert column_of(sized.assign(params=1.0), "N").code == "E124"
    for other in ("teacher.n_params", "data.n", "throughput/tokens", "model.dim.d"):
        assert column_of(frame(prefix + other, "loss"), "N") is None
        assert column_of(frame(prefix + other, "loss"), "D") is None


@pytest.mark.parametrize(("quantity", "name"), [("N", "params"), ("D", "tokens"), ("C", "FLOPs")])
def test_units_in_headers(quantity, name):
    for factor, forms in SCALES.items():
        for form, case in itertools.product(forms, (str, str.title)):
            header = form.format(case(name))
            match = column_of(frame(header, "x"), quantity)
            assert isinstance(match, Candidate), header
            assert match.unit.factor == factor, header
            assert match.unit.words, header


def test_whole_tables_read_the_same_whatever_their_headers():
    rng = np.random.default_rng(1)
    plain = sj.load_table(GOOD)
    for _ in range(30):
        headers, scaled = {}, {}
        for quantity in ("N", "D"):
            factor = float(rng.choice(list(SCALES)))
            form, name = rng.choice(SCALES[factor]), rng.choice(NAMES[quantity][1:3])
            headers[quantity] = form.format(name)
            scaled[quantity] = GOOD[quantity] / factor
        headers["loss"] = rng.choice(spellings("loss"))
        table = sj.load_table(GOOD.assign(**scaled, layers=12, lr=1e-3).rename(columns=headers))
        for quantity in ("N", "D"):
            assert table.inputs[quantity] == pytest.approx(plain.inputs[quantity], rel=1e-14)
        assert table.target.tolist() == plain.target.tolist()
        assert {"N", "D"} <= {one.quantity for one in table.mapping if one.factor != 1}
        assert any(headers["N"] in note for note in table.notes)


@pytest.mark.parametrize(
    ("text", "measure", "factor"),
    [("PF-days", "FLOP", 8.64e19), ("EFLOP", "FLOP", 1e18), ("zettaflops", "FLOP", 1e21),
     ("1e18 FLOP", "FLOP", 1e18), ("B tokens", "tokens", 1e9), ("Mparams", "parameters", 1e6),
     ("tokens", "tokens", 1), ("%", "share", 0.01), ("k", "parameters", 1e3),
     ("tokens, B", "tokens", 1e9), ("Mrd.", "parameters", 1e9), ("Mio.", "tokens", 1e6)],
)  # fmt: skip
def test_units(text, measure, factor):
    assert unit_of(text, measure).factor == factor


@pytest.mark.parametrize(
    ("text", "measure"), [("non-embedding", "parameters"), ("tokens", "FLOP"), ("", "tokens"),
                          ("s", "FLOP"), ("M", "share"), ("final", "tokens")],
)  # fmt: skip
def test_no_units(text, measure):
    assert unit_of(text, measure) is None


def test_other_quantities_are_no_units():
    """D_t is the data that a transfer is worth, and n_b no billions."""
    for header in ("D_t", "n_b", "d_m", "lr_b", "tokens_per_param", "batch_tokens"):
        assert column_of(frame(header, "x"), "D") is None, header
        assert column_of(frame(header, "x"), "N") is None, header


class TestUnitsOfColumns:
    BILLIONS = GOOD.assign(D=GOOD["D"] / 1e9).rename(columns={"D": "Tokens (B)"})

    def test_the_same_unit_twice_is_none_twice(self):
        table = sj.load_table(self.BILLIONS, units={"D": "B"})
        assert table.fingerprint == sj.load_table(self.BILLIONS).fingerprint

    def test_a_contradiction_is_refused(self):
        with pytest.raises(InputError, match=r"E112.*billions.*units=\{\"D\": 1\}"):
            sj.load_table(self.BILLIONS, units={"D": "M"})

    def test_raw_numbers_below_a_unit(self):
        raw = GOOD.rename(columns={"D": "Tokens (B)"})
        with pytest.raises(InputError, match="E112"):
            sj.load_table(raw)
        assert sj.load_table(raw, units={"D": 1}).fingerprint == sj.load_table(GOOD).fingerprint

    def test_cells_with_the_unit_of_their_header(self):
        cells = [f"{value:.12g}B" for value in self.BILLIONS["Tokens (B)"]]
        table = sj.load_table(self.BILLIONS.assign(**{"Tokens (B)": cells}))
        assert table.inputs["D"] == pytest.approx(GOOD["D"].to_numpy(), rel=1e-9)
        cells[3] = "20M"
        with pytest.raises(InputError, match="E112"):
            sj.load_table(self.BILLIONS.assign(**{"Tokens (B)": cells}))

    def test_of_a_column_that_was_named(self):
        own = self.BILLIONS.rename(columns={"Tokens (B)": "mine (B)"})
        table = sj.load_table(own, columns={"D": "mine (B)"})
        assert table.inputs["D"] == pytest.approx(GOOD["D"].to_numpy(), rel=1e-14)

    def test_of_compute_that_is_only_compared(self):
        more = GOOD.assign(**{"flops (1e18)": 6e-18 * GOOD["N"] * GOOD["D"]})
        assert sj.load_table(more).warnings == ()


class TestDoubts:
    """What may be two things is asked about; one of them is never chosen."""

    def refusal(self, *names, quantity="loss"):
        match = column_of(frame(*names), quantity)
        assert getattr(match, "code", None) == "E124", match
        for name in names:
            assert repr(name) in match.message
        return match.message

    def taken(self, *names, quantity="loss"):
        match = column_of(frame(*names), quantity)
        assert isinstance(match, Candidate), match
        return match

    @pytest.mark.parametrize(
        "names",
        [("loss", "val_loss"), ("val_loss", "test_loss"), ("val/c4_loss", "val/pile_loss"),
         ("loss_openlm", "loss_c4_val"), ("loss", "final_loss"), ("train_loss", "c4_loss"),
         ("loss", "val_bpb"), ("L", "l")],
    )  # fmt: skip
    def test_losses(self, names):
        assert 'columns={"loss": "' in self.refusal(*names)

    @pytest.mark.parametrize(
        "names",
        [("val_loss", "train_loss"), ("loss", "train_loss"), ("val_loss", "val_bpb"),
         ("validation/loss", "train/loss"), ("val_bpb", "train_loss"),
         ("loss", "loss_min", "loss_max"), ("train_loss", "L"),
         ("loss", "L"), ("c4_loss", "aux_loss"), ("val loss", "val_loss_std"), ("L", "layers"),
         ("loss", "loss_last_step"), ("perplexity", "ppl_fp16")],
    )  # fmt: skip
    def test_clear_losses(self, names):
        assert self.taken(*names).column == names[0]

    @pytest.mark.parametrize("names", [("loss", "ppl"), ("eval_loss", "eval_perplexity")])
    def test_a_perplexity_beside_its_loss(self, names):
        runs = frame(names[0]).assign(**{names[1]: lambda runs: np.exp(runs[names[0]])})
        assert column_of(runs, "loss").remark == f"not {names[1]!r}"
        self.refusal(*names)

    @pytest.mark.parametrize(
        "function",
        ["log {}", "ln_{}", "log10({})", "exp({})", "{} (log)", "1/{}", "-{}", "{}^2", "sqrt({})"],
    )
    @pytest.mark.parametrize("loss", ["loss", "ppl", "val_loss"])
    def test_a_function_of_a_loss_is_none(self, function, loss):
        assert column_of(frame(function.format(loss)), "loss") is None
        assert self.taken(loss, function.format(loss)).column == loss

    @pytest.mark.parametrize(
        "name",
        ["excess_loss", "rel loss", "loss (%)", "loss_rank", "mse_loss", "kd loss", "value_loss"],
    )
    def test_other_measures_are_no_loss(self, name):
        assert column_of(frame(name), "loss") is None

    @pytest.mark.parametrize(
        ("name", "other"),
        [("D", "batch_size (tokens)"), ("D", "tokens_per_second"), ("N", "log10(N)")],
    )
    def test_remedies_name_no_other_quantity(self, name, other):
        problem = column_problems(frame(other), {name: None})[0]
        assert "perhaps" not in problem.message

    @pytest.mark.parametrize("names", [("N", "params"), ("val ppl", "val loss (bits)")])
    def test_numbers_near_the_ends_of_floats(self, names):
        """No warning of an overflow comes before the columns are judged."""
        quantity = "N" if "N" in names else "loss"
        for first, second in ((1e300, 1e-300), (1e-300, 1e300), (1e308, 1e307)):
            runs = pd.DataFrame({names[0]: [first, 2.0], names[1]: [second, 3.0]})
            column_of(runs, quantity)
            column_of(runs.add_suffix(" (B)"), quantity)
            for name in (*names, *(f"{name} (B)" for name in names)):
                inspect_table(runs.rename(columns={names[0]: name}), Request())

    def test_what_is_derived_names_a_column_that_may_be_it(self):
        runs = GOOD.assign(C=6 * GOOD["N"] * GOOD["D"]).rename(columns={"N": "backbone params"})
        (note,) = [one for one in sj.load_table(runs).notes if one.startswith("N derived")]
        assert 'columns={"N": "backbone params"}' in note
        others = runs.rename(columns={"backbone params": "params per second"})
        assert "columns=" not in " ".join(sj.load_table(others).notes)

    def test_an_exact_symbol_of_another_size(self):
        runs = pd.DataFrame({"D": [768, 1024, 2048], "tokens": [2e9, 4e9, 8e9]})
        assert column_of(runs, "D").code == "E124"
        assert column_of(runs.assign(D=runs["tokens"] * 1.1), "D").column == "D"

    def test_whole_numbers_are_layers(self):
        layers = frame("L").assign(L=[12, 24, 12, 24])
        assert column_of(layers, "loss") is None
        assert self.taken("L").remark

    @pytest.mark.parametrize(
        "names",
        [("total_params", "active_params"), ("params", "params_active"), ("params", "model_size"),
         ("N_active", "N_dense"), ("N_dense", "P_total"),
         ("params", "dense_params", "non_embedding_params")],
    )  # fmt: skip
    def test_counts_of_parameters(self, names):
        self.refusal(*names, quantity="N")

    @pytest.mark.parametrize(
        ("names", "remark"),
        [(("N", "N_nonemb"), "'N_nonemb' (without embeddings)"),
         (("params", "non-embedding params"), "without embeddings"),
         (("total_parameters", "n_nonembedding_params"), "total; not"),
         (("non_embedding_param_size",), "without embeddings"),
         (("active_params",), "active"), (("N", "N_active"), "active"),
         (("params (non-embedding)",), "without embeddings"), (("N", "params"), "not 'params'")],
    )  # fmt: skip
    def test_which_count_is_said(self, names, remark):
        match = self.taken(*names, quantity="N")
        assert match.column == names[0]
        assert remark in match.remark

    def test_an_exact_symbol_and_equal_columns(self):
        assert self.taken("D", "train_tokens", "lr", quantity="D").column == "D"
        twice = frame("tokens").assign(n_tokens=lambda f: f["tokens"])
        match = column_of(twice, "D")
        assert (match.column, "n_tokens" in match.remark) == ("tokens", True)

    def test_reasons(self):
        two = pd.DataFrame({"tokens": [1e9] * 3, "n_tokens": [1e9, 2e9, 4e9]})
        message = column_of(two, "D").message
        assert "'n_tokens' (1e+09 to 4e+09), 'tokens' (constant, 1e+09)" in message
        assert 'say which: columns={"D": "n_tokens"} or columns={"D": "tokens"}' in message
        near = two.assign(tokens=two["n_tokens"] * 1.00001)
        assert "equal within 1e-05" in column_of(near, "D").message

    def test_the_remedy_can_be_pasted(self):
        with pytest.raises(InputError, match=r'perhaps columns=\{"D": "sft_examples"\}'):
            sj.load_table(GOOD.rename(columns={"D": "sft_examples"}))

    def test_words_are_no_count(self):
        runs = frame("param_count", "N_opt").assign(
            param_count=["kaplan", "", "standard", "kaplan"]
        )
        assert column_of(runs, "N") is None

    def test_an_input_of_that_very_name(self):
        two = GOOD.assign(N_active=GOOD["N"] / 4).rename(columns={"N": "params"})
        table = sj.load_table(two, inputs=("N", "D", "N_active"))
        assert table.columns["N"] == "params"


class TestResponses:
    @pytest.mark.parametrize(
        ("name", "unit", "of"),
        [("perplexity", "nats/token", np.exp), ("val_ppl", "nats/token", np.exp),
         ("word_perplexity", "nats/word", np.exp), ("val_bpb", "bits/byte", None),
         ("bits_per_byte", "bits/byte", None), ("bpc", "bits/character", None),
         ("loss (nats)", "nats/token", None), ("val loss [bits/byte]", "bits/byte", None),
         ("loss (bits)", "nats/token", lambda x: x / np.log(2)),
         ("bits_per_token", "nats/token", lambda x: x / np.log(2))],
    )  # fmt: skip
    def test_the_name_says_the_unit(self, name, unit, of):
        values = GOOD["loss"] if of is None else of(GOOD["loss"])
        table = sj.load_table(GOOD.drop(columns="loss").assign(**{name: values}))
        assert table.unit == unit
        assert table.target == pytest.approx(GOOD["loss"].to_numpy(), rel=1e-14)
        assert any(repr(name) in note for note in table.notes)

    def test_sigma_of_a_perplexity(self):
        ppl = np.exp(GOOD["loss"])
        runs = GOOD.drop(columns="loss").assign(ppl=ppl, sd=0.01 * ppl)
        assert sj.load_table(runs, sigma="sd").weight == pytest.approx(1e4)

    def test_loss_unit_wins_where_the_name_is_silent(self):
        runs = GOOD.assign(loss=np.exp(GOOD["loss"]))
        table = sj.load_table(runs, loss_unit="perplexity")
        assert table.target == pytest.approx(GOOD["loss"].to_numpy(), rel=1e-14)
        assert sj.load_table(GOOD, loss_unit="bpb").unit == "bits/byte"

    def test_a_contradiction_is_refused(self):
        runs = GOOD.rename(columns={"loss": "val_bpb"})
        with pytest.raises(InputError, match="E112"):
            sj.load_table(runs, loss_unit="nats")
        nats = sj.load_table(runs, loss_unit="bits_per_byte:4.2")
        assert nats.unit == "nats/token"
        assert nats.target == pytest.approx(4.2 * np.log(2) * GOOD["loss"].to_numpy())

    @pytest.mark.parametrize(
        ("name", "unit"), [("y", ""), ("time (s)", "s"), ("piqa_acc", "share"), ("error", "share")]
    )
    def test_what_is_no_loss_is_not_in_nats(self, name, unit):
        runs = GOOD.rename(columns={"loss": name})
        table = sj.load_table(runs, columns={"loss": name})
        assert table.unit == unit
        assert "nats" not in " ".join((*table.notes, *map(str, table.mapping)))

    def test_other_responses(self):
        runs = GOOD.assign(lr=GOOD["loss"] / 1e3, acc=GOOD["loss"] * 10)
        assert sj.load_table(runs, target="lr").unit == "per step"
        with pytest.raises(InputError, match=r"E113.*units=\{\"accuracy\": 0.01\}"):
            sj.load_table(runs, target="accuracy")
        for units in ({"accuracy": 0.01}, {"acc": "%"}):
            table = sj.load_table(runs, target="accuracy", units=units)
            assert table.target == pytest.approx(GOOD["loss"].to_numpy() / 10)
        said = sj.load_table(runs.rename(columns={"acc": "acc (%)"}), target="accuracy")
        assert said.fingerprint == table.fingerprint

    def test_it_is_in_the_text_of_a_fit_and_stays_when_saved(self, tmp_path):
        fit = sj.fit(GOOD.rename(columns={"loss": "val_bpb"}), resamples=0)
        assert "bits/byte x parameters^alpha" in fit.summary()
        assert "nats" not in fit.summary()
        fit.save(tmp_path / "fit")
        assert sj.load_fit(tmp_path / "fit").table.unit == "bits/byte"
        plan = sj.plan(fit, budget=1e22)
        assert "bits/byte" in str(plan)
        assert "nats" not in str(plan)


@pytest.mark.parametrize("word", ["crashed", "FAILED", "Running"])
def test_unfinished_runs_are_said(word):
    runs = GOOD.assign(State=["finished"] * (len(GOOD) - 2) + [word] * 2)
    table = sj.load_table(runs)
    assert table.n_rows == len(GOOD)
    assert any(f"'State' calls 2 rows unfinished (rows {len(GOOD) - 1}" in n for n in table.notes)
    assert not any("unfinished" in note for note in sj.load_table(runs[:-2]).notes)


class TestMapping:
    RUNS = (
        GOOD.assign(N=GOOD["N"] / 1e6, loss=np.exp(GOOD["loss"]))
        .rename(columns={"N": "Model Size (M)", "D": 'to"kens', "loss": "val/ppl"})
    )  # fmt: skip

    @pytest.mark.parametrize("name", ["map.toml", "map.json"])
    def test_what_was_understood_is_kept_and_used(self, name, tmp_path, monkeypatch, capsys):
        monkeypatch.chdir(tmp_path)
        self.RUNS.to_csv("runs.csv", index=False)
        with pytest.raises(SystemExit):
            main(["check", "runs.csv", "--columns", 'D=to"kens', "--save-mapping", name])
        assert "N = Model Size (M), millions" in capsys.readouterr().out
        kept = read_mapping(name)
        assert kept == {
            "loss_unit": "perplexity",
            "columns": {"N": "Model Size (M)", "D": 'to"kens', "loss": "val/ppl"},
            "units": {"N": 1e6},
        }
        plain = sj.load_table(GOOD)
        for mapping in (name, Path(name), kept):
            table = sj.load_table("runs.csv", mapping=mapping)
            assert table.inputs["N"] == pytest.approx(plain.inputs["N"])
            assert table.target == pytest.approx(plain.target)
        with pytest.raises(SystemExit) as end:
            main(["check", "runs.csv", "--mapping", name])
        assert not end.value.code

    def test_what_was_made_is_made_again(self, tmp_path):
        runs = GOOD.assign(
            model=[f"m-{n / 1e6:.6f}M" for n in GOOD["N"]], step=GOOD["D"] / 1e6, batch_tokens=1e6
        )
        request = Request(size_from="model")
        inspection = inspect_table(runs.drop(columns=["N", "D"]), request)
        assert [one.quantity for one in inspection.mapping if one.made] == ["N", "D"]
        place = save_mapping(
            tmp_path / "map.toml", inspection.mapping, options={"size_from": "model", "run": "x"}
        )
        assert read_mapping(place) == {"size_from": "model", "columns": {"loss": "loss"}}
        again = sj.load_table(runs.drop(columns=["N", "D"]), mapping=place)
        assert again.inputs["N"] == pytest.approx(GOOD["N"].to_numpy(), rel=1e-4)

    @pytest.mark.parametrize("made", ["N", "D"])
    def test_a_unit_of_what_is_made_is_refused(self, made):
        runs = GOOD.assign(model=[f"m-{n / 1e6:.6f}M" for n in GOOD["N"]], step=GOOD["D"] / 1e6)
        options = {"N": {"size_from": "model"}, "D": {"tokens_per_step": 1e6}}[made]
        rest = runs.drop(columns=made)
        plain = sj.load_table(GOOD).inputs[made]
        assert sj.load_table(rest, **options, units={made: 1}).inputs[made] == pytest.approx(plain)
        with pytest.raises(InputError, match="E112"):
            sj.load_table(rest, **options, units={made: "M"})

    def test_what_is_given_beside_it_wins(self):
        table = sj.load_table(GOOD.assign(size=2 * GOOD["N"]), columns={"N": "size"},
                              mapping={"columns": {"N": "N"}})  # fmt: skip
        assert table.columns["N"] == "size"

    @pytest.mark.parametrize(
        "content", ["", "x = 1", "[columns]\nN = 3", "columns = 'N'", "[units]\nN = true", "\xff"]
    )
    def test_other_files_are_refused(self, content, tmp_path):
        path = tmp_path / "map.toml"
        path.write_text(content, encoding="latin-1")
        if content:
            with pytest.raises(UsageError):
                sj.load_table(GOOD, mapping=path)
        else:
            assert sj.load_table(GOOD, mapping=path).n_rows == 36
        for name in ("map.pickle", "nowhere.toml"):
            with pytest.raises(UsageError):
                sj.load_table(GOOD, mapping=tmp_path / name)


def test_folding():
    assert len({folded(name) for name in ("Model Size", "model_size", "config.model-size")}) == 1
    assert folded("params") == "params"


NATS = {"E": 1.8, "A": 300.0, "alpha": 0.33, "B": 900.0, "beta": 0.32}
BITS = {"E": 0.618298, "A": 103.0496, "alpha": 0.33, "B": 309.1489, "beta": 0.32}


@needs_cases
@pytest.mark.filterwarnings("ignore::scalejax.errors.DataWarning")
class TestCases:
    """Inputs of the kinds that people bring, each with its right value."""

    @pytest.mark.parametrize(
        ("name", "params"),
        [("units_in_headers.csv", NATS), ("two_token_columns.csv", NATS), ("perplexity.csv", NATS),
         ("bits_per_byte.csv", BITS), ("measured_compute.csv", NATS), ("isoflop.json", NATS)],
    )  # fmt: skip
    def test_laws_of_losses(self, name, params):
        data = pd.read_json(CASES / name) if name.endswith("json") else CASES / name
        fit = sj.fit(data, resamples=0)
        assert fit.params == pytest.approx(params, rel=1e-5)

    def test_percent(self):
        path = CASES / "percent_accuracy.csv"
        objective = sj.objectives.least_squares(on="loss")
        assert not inspect_table(path, Request(inputs=("C",), target="accuracy")).table
        fit = sj.fit(path, law="logistic_C", units={"acc": 0.01}, objective=objective, resamples=0)
        right = {"floor": 0.1515, "ceiling": 0.8938, "theta": 0.4419, "C0": 4.735e21}
        assert fit.params == pytest.approx(right, rel=1e-3)

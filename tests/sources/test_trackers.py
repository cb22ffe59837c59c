"""What trackers write: charts of W&B, TensorBoard, MLflow, Trainers, lm-evaluation-harness."""

import json
import time

import pandas as pd
import pytest
from cases import CASES, needs_cases

from scalejax.errors import InputError
from scalejax.sources import read_source


def codes(source):
    with pytest.raises(InputError) as caught:
        read_source(source)
    return [problem.code for problem in caught.value.problems]


class TestCharts:
    FRAME = pd.DataFrame({
        "Step": [1, 2], "a - x - loss": [3.0, 2.0], "a - x - loss__MIN": [3.0, 1.5],
        "a - x - loss__MAX": [3.0, 2.0], "b - loss": [None, 2.5], "b - loss__MIN": [None, 2.5],
        "b - loss__MAX": [None, 2.5],
    })  # fmt: skip

    def test_one_row_per_run_and_step(self, tmp_path):
        path = tmp_path / "chart.csv"
        self.FRAME.to_csv(path, index=False, quoting=1)
        table = read_source(path)
        assert table.frame.to_numpy().tolist() == [
            ["a - x", "1", "3.0"], ["a - x", "2", "2.0"], ["b", "2", "2.5"],
        ]  # fmt: skip
        assert table.frame.columns.tolist() == ["run", "Step", "loss"]
        assert "4 columns __MIN and __MAX are left out; they differ" in table.notes[1]

    def test_other_headers_are_no_charts(self, tmp_path):
        path = tmp_path / "runs.csv"
        self.FRAME[["Step", "a - x - loss"]].to_csv(path, index=False)
        assert read_source(path).frame.columns.tolist() == ["Step", "a - x - loss"]


class TestTrainer:
    STATE = {  # noqa: RUF012
        "max_steps": 100,
        "log_history": [
            {"loss": 3.0, "learning_rate": 0.1, "step": 10},
            {"eval_loss": 3.1, "step": 10},
            {"loss": 2.0, "learning_rate": 0.1, "step": 20},
            {"train_runtime": 9.0, "train_loss": 2.5, "step": 20},
        ],
    }

    def write(self, path, state):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(state))
        return path

    def test_evaluations_before_training(self, tmp_path):
        path = self.write(tmp_path / "trainer_state.json", self.STATE)
        table = read_source(path)
        assert table.frame.to_dict("records") == [{"eval_loss": 3.1, "step": 10}]
        assert table.notes == (
            "1 record of evaluation in log_history",
            "2 records of training left out: #train takes them",
            "1 record without a loss left out",
            "max_steps is 100",
        )
        assert read_source(f"{path}#train").frame["loss"].tolist() == [3.0, 2.0]
        assert codes(f"{path}#test") == ["E162"]

    def test_several_sets_at_a_step_are_one_row(self, tmp_path):
        log = [{"eval_a_loss": 1.0, "step": 1}, {"eval_b_loss": 2.0, "step": 1}]
        path = self.write(tmp_path / "trainer_state.json", {"log_history": log})
        assert len(read_source(path).frame) == 1

    def test_of_a_run_the_last_checkpoint(self, tmp_path):
        for run, number in (("a", 5), ("a", 10), ("b", 10)):
            self.write(tmp_path / run / f"checkpoint-{number}" / "trainer_state.json", self.STATE)
            self.write(tmp_path / run / f"checkpoint-{number}" / "config.json", {})
        table = read_source(tmp_path)
        assert table.frame["run"].tolist() == ["a", "b"]
        assert "1 state of earlier checkpoints left out" in table.notes


def test_harness(tmp_path):
    results = {
        "results": {"piqa": {"alias": "piqa", "acc,none": 0.7, "acc_stderr,none": 0.01},
                    "gsm8k": {"exact_match,strict-match": 0.2, "exact_match_stderr,none": "N/A"}},
        "config": {"model_args": "pretrained=a/b", "model_num_parameters": 10**9},
    }  # fmt: skip
    for name in ("a", "b"):
        (tmp_path / f"results_{name}.json").write_text(json.dumps(results))
        (tmp_path / f"samples_{name}.jsonl").write_text("{}\n{}")
    table = read_source(tmp_path)
    assert table.frame["piqa.acc"].tolist() == [0.7, 0.7]
    assert table.frame["model_num_parameters"].tolist() == [10**9] * 2
    assert table.frame["gsm8k.exact_match.strict-match"].tolist() == [0.2, 0.2]
    assert table.frame["run"].tolist() == ["results_a", "results_b"]
    assert any("samples_a.jsonl" in note for note in table.notes)


class TestTensorBoard:
    def test_scalars_of_several_files(self, tmp_path):
        for run in ("train", "eval"):
            for tag, value in (("loss", 3), ("lr", 1)):
                frame = pd.DataFrame({"Wall time": [1.0, 2.0], "Step": [1, 2], "Value": value})
                frame.to_csv(tmp_path / f"run-{run}-tag-{tag}.csv", index=False)
        table = read_source(tmp_path)
        assert table.frame.columns.tolist() == ["run", "Step", "loss", "lr"]
        assert table.frame.to_numpy().tolist() == [
            [run, step, "3", "1"] for run in ("eval", "train") for step in ("1", "2")
        ]
        one = read_source(tmp_path / "run-eval-tag-loss.csv")
        assert one.frame.columns.tolist() == ["run", "Wall time", "Step", "loss"]

    def test_event_files(self, tmp_path):
        pytest.importorskip("tensorboard")
        from tensorboard.compat.proto import event_pb2, summary_pb2
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        for run in ("a", "b"):
            writer = EventFileWriter(str(tmp_path / run))
            for step in range(3):
                values = [summary_pb2.Summary.Value(tag="loss", simple_value=3 - step / 2)]
                summary = summary_pb2.Summary(value=values)
                writer.add_event(event_pb2.Event(step=step, wall_time=time.time(), summary=summary))
            writer.close()
        frame = read_source(tmp_path).frame
        assert frame["run"].tolist() == ["a"] * 3 + ["b"] * 3
        assert frame["loss"].tolist() == [3.0, 2.5, 2.0] * 2
        # Files that were begun in one second have one name.
        for run in ("a", "b"):
            (file,) = (tmp_path / run).iterdir()
            file.rename(file.with_name("events.out.tfevents.1.host"))
        assert read_source(tmp_path).frame.equals(frame)
        files = sorted(tmp_path.glob("*/*"))
        assert read_source(files).frame.equals(frame)
        (file,) = (tmp_path / "a").iterdir()
        content = file.read_bytes()
        file.write_bytes(content[:-5])
        cut = read_source(file)
        assert cut.frame["step"].tolist() == [0, 1]
        assert "in the middle of a record" in cut.notes[1]
        file.write_bytes(content[:-30] + b"\1" * 10 + content[-20:])
        assert codes(file) == ["E162"]


def test_file_store_of_mlflow(tmp_path):
    files = {
        "0/meta.yaml": "", "0/x/meta.yaml": "", "0/x/metrics/val/loss": "1 3.0 0\n2 2.5 10\n",
        "0/x/metrics/lr": "1 0.1 0\n", "0/x/params/N": "1000", "0/x/tags/mlflow.runName": "fine",
        "0/y/meta.yaml": "", "0/y/metrics/val/loss": "1 2.0 0\n",
    }  # fmt: skip
    for place, content in files.items():
        path = tmp_path / "mlruns" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    frame = read_source(tmp_path / "mlruns").frame
    assert frame["run"].tolist() == ["fine", "fine", "y"]
    assert frame["metrics.val/loss"].tolist() == ["3.0", "2.5", "2.0"]
    assert frame["params.N"].tolist() == ["1000", "1000", None]
    assert len(read_source(tmp_path / "mlruns" / "0" / "y").frame) == 1
    (tmp_path / "mlruns/0/y/meta.yaml").write_text("end_time: 1\nlifecycle_stage: deleted\n")
    table = read_source(tmp_path / "mlruns")
    assert table.frame["run"].tolist() == ["fine", "fine"]
    assert table.notes[0].endswith("1 deleted run left out")
    (tmp_path / "mlruns/0/y/meta.yaml").write_text("")
    (tmp_path / "mlruns/0/y/metrics/val/loss").write_text("what is this\n")
    assert codes(tmp_path / "mlruns") == ["E121"]


@needs_cases
class TestSharedCases:
    @pytest.mark.parametrize("file", ["decimal_commas.csv", "tabs.tsv"])
    def test_separators(self, file):
        plain = pd.read_csv(CASES / "units_in_headers.csv", dtype=str)
        frame = read_source(CASES / file).frame
        assert frame.columns.tolist() == ["params", "tokens", "loss"]
        assert frame["loss"].tolist() == plain["val/loss"].tolist()

    def test_a_chart_and_a_state(self):
        chart = read_source(CASES / "wandb_wide.csv").frame
        assert chart.columns.tolist() == ["run", "Step", "val/loss"]
        assert len(chart) == 12
        state = read_source(CASES / "trainer_state.json")
        curve = pd.read_csv(CASES / "curve.csv")
        assert state.frame.astype(float).to_numpy().tolist() == curve.to_numpy().tolist()
        assert "max_steps is 10000" in state.notes


def test_a_folder_of_logs_of_wandb_is_no_table(tmp_path):
    """Beside its log a run keeps the list of its packages, which is no table of runs."""
    run = tmp_path / "offline-run-1"
    (run / "files").mkdir(parents=True)
    (run / "run-1.wandb").write_bytes(b":W&B")
    (run / "files" / "requirements.txt").write_text("zipp==4.1.2\nnumpy==2.0\n")
    assert codes(tmp_path) == ["E160"]

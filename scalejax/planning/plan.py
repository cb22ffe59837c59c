"""`Plan`: what to train, as people hold it: text, frame, plain values and files."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from scalejax.costs import HARDWARE, Hardware
from scalejax.errors import UsageError
from scalejax.files import check_writable, plain, sealed, settle, staged, to_json
from scalejax.fitting import Fit
from scalejax.forecasting import Forecast
from scalejax.planning.question import Question
from scalejax.planning.record import PlanRecord
from scalejax.planning.summary import sections, summarise
from scalejax.planning.verdict import headline, judge
from scalejax.result import Result
from scalejax.status import Outcome

PLAN, FIT, FORECAST = "plan.json", "fit", "forecast"
"""Names in the folder of a saved plan."""

DRAWS, PICTURES = "draws.csv", ("frontier.png", "contours.png", "demand.png")
"""What some plans have there and others have not; the command draws the pictures."""


@dataclass(frozen=True, eq=False, repr=False)
class Plan(PlanRecord, Result):
    """What to train; its numbers are those of `scalejax.planning.record.PlanRecord`."""

    @property
    def headline(self) -> str:
        """The decision in one line; a range where the runs do not determine it."""
        return headline(self)

    def to_frame(self) -> pd.DataFrame:
        """A row for each number, with intervals: `numbers`."""
        return self.numbers

    def summary(self) -> str:
        """The plan as text for a terminal."""
        return summarise(self)

    def sections(self, quick: bool = False) -> Iterator[str]:
        """The lines of `summary` as they become known, the decision first.

        Args:
            quick: Leave out regret and published sets, which take longer than the decision.
        """
        return sections(self, quick=quick)

    def to_dict(self) -> dict[str, Any]:
        """The plan as plain values that JSON can hold; what is missing is null."""
        answer, judgement = self.answer, judge(self)
        described: dict[str, Any] = {
            "law": self.source.law.name,
            "source": self.source.label,
            "parameters": dict(self.source.params),
            "borrowed": dict(self.source.added),
            "question": _question(self.question),
            "named": self.named,
            "from": self._runs[0] if self._runs else None,
            "published_set": None if self.source.published is None else self.source.name,
            "target_loss": self.target,
            "outcome": self.outcome.label,
            "sentence": self.outcome.sentence,
            "advice": "" if answer is None else answer.advice,
            "defect": None if answer is None else answer.defect,
            "agreeing": None if answer is None else answer.agreeing,
            "starts": None if answer is None else answer.starts,
            "level": self.level,
            "method": self.method,
            "numbers": self.numbers.to_dict("records"),
            "limits": [] if answer is None else [vars(bound) for bound in answer.bounds],
            "options": [
                {"precision": name, "goal": one.goal, "outcome": one.outcome.label}
                for name, one in self.options.items()
            ],
            "chances": dict(self.chances),
            "bits": self.bits.to_dict("records"),
            "regret": self._regret(),
            "published": self.published.to_dict("records"),
            "candidates": self.candidates.to_dict("records"),
            "sensitivities": self.sensitivities.to_dict("records"),
            "draws_failed": {} if self.optima is None else self.optima.failures,
            "headline": self.headline,
            "for": judgement.texts("for"),
            "against": judgement.texts("against"),
            "warnings": self.warnings,
        }
        values: dict[str, Any] = plain(described)
        return values

    def save(self, folder: str | Path) -> Path:
        """Write the plan to a folder, from which `scalejax.load_plan` makes it again.

        That is ``plan.json``, ``plan.txt``, with draws ``draws.csv``, and the fit or the forecast
        that it was made from.

        Returns:
            The folder, which appears complete or stays as it was.

        Raises:
            UsageError: It is a file.
            DiskError: It cannot be written.
        """
        check_plan_place(folder)
        record, text = to_json(sealed(self.to_dict())), f"{self.summary()}\n".encode()
        former = (FIT, FORECAST, DRAWS, *PICTURES)
        with staged(Path(folder).resolve(), former) as beside:
            beside.mkdir(parents=True)
            if self._runs:
                name, source = self._runs
                source.save(beside / name)
            (beside / PLAN).write_bytes(record)
            (beside / "plan.txt").write_bytes(text)
            if self.optima is not None:
                frame = pd.DataFrame({**self.optima.decision, "goal": self.optima.goal})
                frame["outcome"] = [Outcome(code).label for code in self.optima.outcome]
                frame.to_csv(beside / DRAWS, index=False)
        return Path(folder)

    @property
    def _runs(self) -> tuple[str, Fit | Forecast] | None:
        """What stands for the runs behind the plan, with its name in the folder."""
        if self.source.forecast is not None:
            return FORECAST, self.source.forecast
        return None if self.source.fit is None else (FIT, self.source.fit)

    def _regret(self) -> dict[str, Any] | None:
        if self.regret is None:
            return None
        choices = {by: self.regret.choice(by) for by in ("mean", "worst_decile")}
        # The first candidate is the decision itself.
        return {
            "mean": float(self.regret.mean[0]),
            "worst_decile": float(self.regret.worst_decile[0]),
            "least_mean": {**choices["mean"], "mean": float(np.min(self.regret.mean))},
            "least_worst_decile": {
                **choices["worst_decile"],
                "worst_decile": float(np.min(self.regret.worst_decile)),
            },
        }


def check_plan_place(folder: str | Path) -> None:
    """Refuse a folder that a plan cannot be saved in.

    Raises:
        UsageError: It is a file.
        DiskError: It cannot be written.
    """
    check_writable(folder)
    settle(folder)
    if Path(folder).exists() and not Path(folder).is_dir():
        raise UsageError(f"{folder} is a file; name a folder to save the plan in.")


def _question(question: Question) -> dict[str, Any]:
    """A question by its fields; hardware by its name, or by its numbers if it is one's own."""
    return {
        name: _named(value) if isinstance(value, Hardware) else value
        for name, value in vars(question).items()
    }


def _named(hardware: Hardware) -> str | dict[str, Any]:
    """The name that an accelerator is found by, or all of one's own."""
    if HARDWARE.get(hardware.name) == hardware:
        return hardware.name
    return {**vars(hardware), "peaks": dict(hardware.peaks)}

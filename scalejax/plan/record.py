"""The record of a plan: the decision with its intervals, alternatives, sensitivities, warnings."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scalejax.optima import Answer, Optima, Regret
from scalejax.plan.question import Question
from scalejax.plan.source import Source
from scalejax.status import Outcome

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Plan:
    """What to train, and how sure that is.

    Attributes:
        question: What was asked.
        source: The law and where its parameters come from.
        args: The args of the problem.
        target: Loss to reach; None if a loss is minimised.
        answer: The optimum, or why there is none; None if nothing was left to decide.
        numbers: A row for each number (`quantity`, `unit`, `estimate`, and with draws `lo`, `hi`,
            with a covariance `delta_lo`, `delta_hi`); empty if there is no optimum.
        level: Probability of the intervals.
        method: How the draws were made; empty without any.
        optima: The optima of the draws.
        regret: What the decision costs under the draws, if N is decided with something else.
        options: Answers for each precision that was named, best first.
        chances: Share of the draws in which each of them is best.
        published: A row for each published set of laws with the same inputs.
        candidates: A row for each model that was named, priced beside the optimum.
        sensitivities: A row for each of args and number: per cent per per cent.
        warnings: What to know before believing it.
    """

    question: Question
    source: Source
    args: Mapping[str, Any]
    target: float | None
    answer: Answer | None
    numbers: "pd.DataFrame"
    level: float
    method: str
    optima: Optima | None
    regret: Regret | None
    options: Mapping[str, Answer]
    chances: Mapping[str, float]
    published: "pd.DataFrame"
    candidates: "pd.DataFrame"
    sensitivities: "pd.DataFrame"
    warnings: tuple[str, ...]

    @property
    def outcome(self) -> Outcome:
        """How the search ended; solved if there was nothing to decide."""
        return Outcome.SOLVED if self.answer is None else self.answer.outcome

    @property
    def found(self) -> bool:
        """Whether there is a decision."""
        return self.outcome <= Outcome.AT_RANGE

    def __getitem__(self, quantity: str) -> float:
        """The estimate of a number of the plan, such as ``plan["N"]``."""
        rows = self.numbers.set_index("quantity")["estimate"]
        if quantity not in rows.index:
            raise KeyError(f"{quantity!r}: the plan has {', '.join(map(str, rows.index))}")
        return float(rows[quantity])

    def summary(self) -> str:
        """The plan as text for a terminal."""
        from scalejax.plan.summary import summary

        return summary(self)

    def __str__(self) -> str:
        return self.summary()

    def to_dict(self) -> dict[str, Any]:
        """The plan as plain values that JSON can hold; what is missing is null."""
        answer = self.answer
        return {
            "law": self.source.law.name,
            "source": self.source.label,
            "parameters": dict(self.source.params),
            "question": _plain(self.question),
            "target_loss": self.target,
            "outcome": self.outcome.label,
            "sentence": self.outcome.sentence,
            "advice": "" if answer is None else answer.advice,
            "defect": None if answer is None else answer.defect,
            "agreeing": None if answer is None else answer.agreeing,
            "starts": None if answer is None else answer.starts,
            "level": self.level,
            "method": self.method,
            "numbers": _records(self.numbers),
            "limits": [] if answer is None else [_plain(bound) for bound in answer.bounds],
            "options": [
                {"precision": name, "goal": _finite(one.goal), "outcome": one.outcome.label}
                for name, one in self.options.items()
            ],
            "chances": dict(self.chances),
            "regret": self._regret(),
            "published": _records(self.published),
            "candidates": _records(self.candidates),
            "sensitivities": _records(self.sensitivities),
            "draws_failed": {} if self.optima is None else self.optima.failures,
            "warnings": list(self.warnings),
        }

    def save(self, folder: str | Path) -> Path:
        """Write ``plan.json``, ``plan.txt`` and, with draws, ``draws.csv`` to a folder.

        Returns:
            The folder.
        """
        import pandas as pd

        place = Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        document = json.dumps(self.to_dict(), indent=2, allow_nan=False, ensure_ascii=False)
        (place / "plan.json").write_text(document + "\n", encoding="utf-8")
        (place / "plan.txt").write_text(self.summary() + "\n", encoding="utf-8")
        if self.optima is not None:
            frame = pd.DataFrame({**self.optima.decision, "goal": self.optima.goal})
            frame.assign(outcome=[Outcome(code).label for code in self.optima.outcome]).to_csv(
                place / "draws.csv", index=False
            )
        return place

    def _regret(self) -> dict[str, Any] | None:
        if self.regret is None:
            return None
        chosen = {by: self.regret.choice(by) for by in ("mean", "worst_decile")}
        # The first candidate is the decision itself.
        return {
            "mean": _finite(float(self.regret.mean[0])),
            "worst_decile": _finite(float(self.regret.worst_decile[0])),
            "least_mean": {**chosen["mean"], "mean": _finite(float(np.min(self.regret.mean)))},
            "least_worst_decile": {
                **chosen["worst_decile"],
                "worst_decile": _finite(float(np.min(self.regret.worst_decile))),
            },
        }


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _plain(record: Any) -> dict[str, Any]:
    """A frozen record as plain values; hardware by its name."""
    found = {}
    for name, value in vars(record).items():
        if hasattr(value, "peaks"):
            found[name] = value.name
        elif isinstance(value, float):
            found[name] = _finite(value)
        elif isinstance(value, tuple):
            found[name] = list(value)
        else:
            found[name] = dict(value) if isinstance(value, Mapping) else value
    return found


def _records(frame: "pd.DataFrame") -> list[dict[str, Any]]:
    plain = frame.astype(object).where(frame.notna(), None)
    return [
        {str(name): _finite(value) if isinstance(value, float) else value for name, value in row}
        for row in (
            list(zip(plain.columns, values, strict=True))
            for values in plain.itertuples(index=False)
        )
    ]

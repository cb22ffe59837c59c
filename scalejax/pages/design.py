"""The page of a design as plain data: runs on the plane, what they promise, width against money."""

from typing import Any

import numpy as np
import pandas as pd

from scalejax.designing import Design
from scalejax.wording import printable


def design(answer: Design) -> dict[str, Any]:
    """What the page of a design holds; the curve of widths takes some seconds."""
    curve = answer.width_against_cost()
    first, *rest = answer.summary().split("\n\n")
    return {
        "kind": "design",
        "title": printable(f"What to train next, to know {answer.target}"),
        "headline": " ".join(first.split()),
        "about": [printable(" ".join(part.split())) for part in rest if "  " not in part.strip()],
        "unit": answer.unit,
        "target": printable(answer.target),
        "relative": answer.relative,
        "budget": answer.budget,
        "width": answer.width,
        "inputs": list(answer.question.setting.model.law.inputs),
        "runs": _columns(answer.runs),
        "before": _columns(answer.before_frame()),
        "scores": _columns(answer.scores),
        "curve": _columns(curve),
        "notes": ["Between amounts of money the widths are interpolated on logarithmic scales."],
    }


def _columns(frame: pd.DataFrame) -> dict[str, Any]:
    numbers = frame.select_dtypes(np.number).columns
    return {
        str(name): frame[name].tolist()
        if name in numbers
        else [printable(str(x)) for x in frame[name]]
        for name in frame
    }

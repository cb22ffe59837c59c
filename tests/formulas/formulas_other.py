"""Formulas of everything but dense models, in NumPy: what `test_laws.py` compares with."""

from collections.abc import Callable
from typing import Any

FORMULAS: dict[str, Callable[..., Any]] = {}

RISING: dict[str, set[str]] = {}

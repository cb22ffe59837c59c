"""Sizes in the names of models: 0.6B in "Qwen3-0.6B-base", 300M in "n300M", 160m in "160m-deduped".

A size is a number with k, M, B or T, and nothing that is part of a word or a product: a name such
as "8x7B" or "30B-A3B" holds no one size, and nothing is chosen among two.
"""

import re
from collections.abc import Iterable

from scalejax.amounts import parse_number

_NUMBER = r"(?P<number>[0-9]+(?:\.[0-9]+)?)\s?(?P<unit>[kKmMbBtT])(?![A-Za-z0-9])"
# Two numbers and an x are experts times a size.
_PRODUCT = re.compile(r"[0-9]x[0-9]", re.IGNORECASE)
# After a word ("gemma2b") it is a size where it was asked for; unasked only after "n" or nothing.
_LOOSE = re.compile(r"(?<![0-9.,])" + _NUMBER)
_STRICT = re.compile(r"(?:(?<![0-9A-Za-z.,])|(?<![0-9A-Za-z.,])[nN]=?)" + _NUMBER)


def sizes_in(names: Iterable[str], *, loose: bool) -> tuple[dict[str, float], dict[str, str]]:
    """The size in every name.

    Args:
        names: Names of models or runs.
        loose: Whether a size may follow a word without anything between.

    Returns:
        Name to parameters, and what is wrong with the names that do not hold exactly one size.
    """
    sizes, problems = {}, {}
    for name in dict.fromkeys(names):
        texts = [match["number"] + match["unit"] for match in _LOOSE.finditer(name)]
        strict = [match["number"] + match["unit"] for match in _STRICT.finditer(name)]
        values = {parse_number(text) for text in texts}
        if _PRODUCT.search(name):
            problems[name] = "holds a product of sizes"
        elif not values:
            problems[name] = "holds no size"
        elif len(values) > 1:
            problems[name] = f"holds {len(values)} sizes ({', '.join(dict.fromkeys(texts))})"
        elif not loose and (not strict or not strict[0].lower().endswith(("m", "b"))):
            problems[name] = "may hold a size"
        else:
            sizes[name] = values.pop()
    return sizes, problems

"""400 hostile tables: each is refused with a code or read right, and nothing else ever happens."""

import pytest
from hostile_tables import fate_of, make

COUNT = 400


@pytest.mark.parametrize("first", range(0, COUNT, 50))
def test_each_is_refused_or_read_right(first, tmp_path):
    for number in range(first, first + 50):
        case = make(number)
        about = (number, case.kinds, case.content[:300])
        assert fate_of(case, tmp_path) in ("read", "refused"), about


def test_all_kinds_are_made():
    fates = [make(number).fate for number in range(COUNT)]
    assert min(fates.count(fate) for fate in ("read", "refused", "either")) > COUNT / 8

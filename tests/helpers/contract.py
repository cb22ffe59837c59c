"""What every result answers: one line, a text, a tidy frame, plain values and a table.

Each result is held to it in the tests of its own room, where one is made anyway; that none is left
out is a test of the house.
"""

import json
from html.parser import HTMLParser

import pandas as pd


class Tables(HTMLParser):
    """Counts tags, and sees that they are closed in order."""

    def __init__(self):
        super().__init__()
        self.open, self.seen = [], []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.seen.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def hold_to_contract(result, kind):
    """Assert that a result of a kind answers as all results do."""
    assert type(result) is kind
    line = repr(result)
    assert line.startswith(f"<{kind.__name__}: ")
    assert "\n" not in line
    assert len(line) < 300
    assert str(result) == result.summary()
    assert result.summary().strip()
    frame = result.to_frame()
    assert isinstance(frame, pd.DataFrame)
    assert len(frame) > 0
    assert all(isinstance(name, str) for name in frame.columns)
    assert isinstance(frame.index, pd.RangeIndex)
    values = result.to_dict()
    assert json.loads(json.dumps(values, allow_nan=False)) == values
    assert values
    page = Tables()
    page.feed(result._repr_html_())
    assert page.open == []
    assert page.seen.count("table") == 1
    assert page.seen.count("td") > 0

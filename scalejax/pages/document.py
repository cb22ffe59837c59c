"""The content of a page as one HTML file: its data, its scripts, and a policy that admits no more.

The policy names the scripts and the style by their hashes: no request, and no other script,
whatever a name in the data holds. The data stand in a block that is no script, without a character
that could end it.
"""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from markupsafe import Markup

from scalejax.files import plain
from scalejax.html_file import rendered

TEMPLATE = "page.html.j2"

MARK = '<meta name="generator" content="scalejax page">'
"""The tag by which a page of ours is known, so that no other file is overwritten."""

SCRIPTS = {
    "decision": ("base.js", "chart.js", "solve.js", "decision.js"),
    "study": ("base.js", "chart.js", "study.js"),
    "design": ("base.js", "chart.js", "design.js"),
}
"""The scripts of each kind of page, in their order."""

_HERE = Path(__file__).parent


def to_html(content: Mapping[str, Any]) -> str:
    """The page of a content.

    Args:
        content: Plain values: `kind`, `title`, `notes`, ``code`` for what is computed, and what the
            template of that kind and its script read.
    """
    kind, style = content["kind"], script("page.css")
    code = content.get("code", "null")
    start = f'{kind}Page(JSON.parse(document.getElementById("data").textContent), {code});'
    scripts = [*map(script, SCRIPTS[kind]), start]
    data = {key: value for key, value in content.items() if key != "code"}
    # Style and scripts are files of this room and arithmetic that the translator wrote; what comes
    # from people is in the data alone.
    return rendered(
        _HERE / TEMPLATE,
        page=content,
        subtitle=f"{datetime.now(UTC).date().isoformat()}, scalejax {version('scalejax')}",
        data=_data(data),
        style=Markup(style),  # nosec B704
        style_hash=_hash(style),
        scripts=[Markup(one) for one in scripts],  # nosec B704
        script_hashes=Markup(" ".join(f"'{_hash(one)}'" for one in scripts)),  # nosec B704
    )


def script(name: str) -> str:
    """A script or style of this room."""
    return (_HERE / name).read_text(encoding="utf-8")


def joined(names: Sequence[str]) -> str:
    """Scripts as one text, to be run elsewhere than in a page."""
    return "\n".join(map(script, names))


def _data(values: Mapping[str, Any]) -> Markup:
    """Plain values as JSON that no HTML can begin in."""
    text = json.dumps(plain(values), separators=(",", ":"), allow_nan=False)
    for letter in "<>&":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return Markup(text)  # nosec B704


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode('utf-8')).digest()).decode()}"

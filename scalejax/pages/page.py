"""The verb `page`: one HTML file that answers "what if" offline, of whatever has an answer."""

from pathlib import Path
from typing import Any

from scalejax.conclusions import BEYOND
from scalejax.designing import Design
from scalejax.errors import UsageError
from scalejax.fitting import Fit
from scalejax.forecasting import Forecast
from scalejax.html_file import check_html_path, save_html
from scalejax.pages.decision import decision
from scalejax.pages.design import design
from scalejax.pages.document import MARK, to_html
from scalejax.pages.study import study
from scalejax.planning import Plan, plan
from scalejax.studies import StudyResult
from scalejax.vocabulary import argument

Subject = Plan | Fit | Forecast | StudyResult | Design | str
"""What a page can be made of."""


def page(what: Subject, out: str | Path, **question: Any) -> Path:
    """Write a page to a file, which appears complete or not at all.

        sj.page(fit, "page.html")
        sj.page(sj.plan(fit, usd=5e6, hardware="h100"), "page.html")

    The page is one file that asks nothing of any server: the question with its controls, the best N
    and D with their intervals over the draws, what they cost and what binds, in pictures that
    follow the controls. Its address holds the state of the controls, so that a link is an answer.
    The page of a study has its parameters over the families, errors, failures and a table of all;
    that of a design its runs on the plane and the width against money.

    Args:
        what: A plan; or a fit, a forecast or the name of a published set, of which a plan is made;
            or the result of a study, or a design.
        out: The file; a page that was there before is replaced.
        **question: The question of that plan and its level, as for `scalejax.plan`. Without a
            budget the page begins with a hundred times the compute of the largest run.

    Returns:
        The path.

    Raises:
        UsageError: The question is beyond a page, or the path is taken by something else.
        LawError: The law's operations cannot be written for a page.
        DiskError: The file cannot be written.
    """
    check_page_path(out)
    return save_html(render(what, **question), out, MARK, "page")


def render(what: Subject, **question: Any) -> str:
    """A page as text; arguments and errors as for `page`."""
    return to_html(content(what, **question))


def content(what: Subject, **question: Any) -> dict[str, Any]:
    """What a page holds, as plain values; arguments and errors as for `page`."""
    if isinstance(what, Plan | StudyResult | Design):
        if question:
            names = ", ".join(map(argument, question))
            raise UsageError(f"a {_noun(what)} has its question already: leave out {names}.")
        if isinstance(what, Plan):
            return decision(what)
        return study(what) if isinstance(what, StudyResult) else design(what)
    if not {"usd", "days", "budget", "target_loss", "as_good_as"} & set(question):
        question = {"budget": _typical(what), **question}
    return decision(plan(what, **question))


def check_page_path(path: str | Path) -> None:
    """Refuse a path that a page cannot be written to.

    Raises:
        UsageError: It is a folder or a file that is no page, or its folder does not exist.
    """
    check_html_path(path, MARK, "page")


def _noun(what: Plan | StudyResult | Design) -> str:
    return {Plan: "plan", StudyResult: "study", Design: "design"}[type(what)]


def _typical(what: Fit | Forecast | str) -> float:
    """The compute that a page begins with."""
    if isinstance(what, Fit) and {"N", "D"} <= set(what.table.inputs):
        return float(f"{BEYOND * what.table.flop.max():.1e}")
    return 1e24

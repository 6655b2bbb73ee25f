"""Reports as one HTML page that needs nothing beside itself: no network, no file, no library.

`views.py` says what is shown, `assets/reports` how it looks. Everything that comes from data is
escaped by the template engine, and a content policy in the page forbids it to load anything.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from importlib import resources
from typing import TYPE_CHECKING, Any

from instructuie import __version__
from instructuie.errors import MissingExtraError
from instructuie.evaluation.alignment import CLASSES
from instructuie.evaluation.report import CONFIDENCE, Report, rule_table
from instructuie.evaluation.rules import RULES
from instructuie.evaluation.versus import Versus
from instructuie.evaluation.views import view_lines, view_parts

if TYPE_CHECKING:
    import jinja2

ALPHA = 0.05
"""Up to this p-value, a difference is shown as one."""
CLIP = 84
"""A mention beside its text is clipped to about so many characters."""
FOOTER = f"instructuie {__version__}. This page is complete: it loads nothing from elsewhere."


def report_page(report: Report) -> str:
    """The page of one system. Raises MissingExtraError without the template engine."""
    lines, (columns, table) = view_lines(report), rule_table(report)
    occurring = {kind for line in lines for kind, _ in line.errors}
    return render(
        "report.html.j2",
        report=report,
        rule_summary=RULES[report.rule].summary,
        lines=lines,
        kinds=[kind for kind in CLASSES if kind in occurring],
        rule_columns=columns,
        rule_table=table,
        parts=view_parts(report),
    )


def comparison_page(found: Versus, signatures: Sequence[str] = ()) -> str:
    """The page of several systems. Raises MissingExtraError without the template engine."""
    return render(
        "compare.html.j2",
        found=found,
        rule_summary=RULES[found.rule].summary,
        signatures=signatures,
        alpha=ALPHA,
    )


def render(template: str, **values: Any) -> str:
    """A page from a template of `assets/reports`; raises MissingExtraError without Jinja."""
    folder = resources.files("instructuie").joinpath("assets", "reports")
    css = folder.joinpath("report.css").read_text(encoding="utf-8")
    js = folder.joinpath("report.js").read_text(encoding="utf-8")
    environment = _environment()
    assets = {name: _trusted(text) for name, text in (("css", css), ("js", js))}
    page = environment.get_template(template)
    return (
        page.render(**assets, footer=FOOTER, classes=CLASSES, confidence=CONFIDENCE, **values)
        + "\n"
    )


def _environment() -> jinja2.Environment:
    try:
        import jinja2
    except ModuleNotFoundError as error:
        raise MissingExtraError("an HTML report", extra="eval") from error
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("instructuie", "assets/reports"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_printable,
    )
    environment.filters |= FILTERS
    return environment


def _trusted(text: str) -> str:
    """Our own style sheet and script, which must not be escaped."""
    from markupsafe import Markup

    return Markup(text)


def _printable(value: object) -> object:
    """Text without the characters that HTML cannot hold."""
    if not isinstance(value, str) or value.isprintable() or hasattr(value, "__html__"):
        return value
    return "".join(
        "\ufffd" if unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t" else c
        for c in value.replace("\r", " ")
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _fixed(number: float, digits: int = 2) -> str:
    return f"{number:.{digits}f}"


def _thousands(number: float) -> str:
    return f"{number:,.0f}"


def _slug(kind: str) -> str:
    """A class of error as style sheets can name it."""
    return kind.replace("+", "-")


def _clipped(text: str) -> str:
    """On one line; of a long mention, its beginning and its end."""
    words = " ".join(text.split())
    return words if len(words) <= CLIP else f"{words[: CLIP // 2]} … {words[-CLIP // 3 :]}"


def _hundredths(share: float) -> str:
    return f"{100 * share:.2f}"


FILTERS = {
    "percent": _percent,
    "hundredths": _hundredths,
    "fixed": _fixed,
    "thousands": _thousands,
    "slug": _slug,
    "clipped": _clipped,
}
"""What the templates may do with a value."""

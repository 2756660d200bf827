"""The few pages a person sees, made from the templates in `pages/`; every value is escaped."""

import html
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from string import Template

from starlette.responses import HTMLResponse

FOLDER = Path(__file__).parent / "pages"


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def page(name: str, title: str, status: int = 200, **values: str) -> HTMLResponse:
    """A page: the layout around the template of that name."""
    body = Markup(_filled(name, values))
    return HTMLResponse(_filled("layout", {"title": title, "body": body}), status_code=status)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], empty: str) -> Markup:
    """A table, or a line that says why there is none."""
    lines = ["<tr>" + "".join(f"<td>{_safe(cell)}</td>" for cell in row) + "</tr>" for row in rows]
    if not lines:
        return Markup(f"<p class=empty>{html.escape(empty)}</p>")
    head = "".join(f"<th>{html.escape(column)}</th>" for column in columns)
    return Markup(f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>")


def badge(text: str) -> Markup:
    """A word coloured by what it says."""
    return Markup(f'<span class="badge {html.escape(text.lower())}">{html.escape(text)}</span>')


def _filled(name: str, values: dict[str, str]) -> str:
    return _template(name).substitute({key: _safe(value) for key, value in values.items()})


def _safe(value: str) -> str:
    return value if isinstance(value, Markup) else html.escape(value)


@cache
def _template(name: str) -> Template:
    return Template((FOLDER / f"{name}.html").read_text())

"""The marked places of partners' pages: `<!-- played: NAME -->` up to `<!-- /played -->`, and the tables beside them.

After the name may stand `only: FIELD, FIELD` for an answer shown in part, and `with limits` for the headers of the
rate limit.
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from sandbox.transcript.layout import lasting, shown
from sandbox.transcript.story import Exchange
from sandbox.transcript.tables import renewed

PAGES = Path(__file__).resolve().parents[2] / "docs" / "partner-docs"
PLACE = re.compile(
    r"<!-- played: (?P<name>[a-z0-9-]+)(?P<limits> with limits)?(?: only: (?P<fields>[a-zA-Z_, ]+))? -->\n"
    r"(?P<text>.*?)<!-- /played -->",
    re.DOTALL,
)
BLOCKS = re.compile(r"```http\n(.*?)\n```", re.DOTALL)


class Place(NamedTuple):
    """A marked place of a page, and what stands in it."""

    page: Path
    name: str
    fields: tuple[str, ...]
    limits: bool
    text: str


def places() -> Iterator[Place]:
    """Every marked place of every page."""
    for page in sorted(PAGES.glob("*.md")):
        yield from (_place(page, match) for match in PLACE.finditer(page.read_text()))


def _place(page: Path, match: re.Match[str]) -> Place:
    fields = tuple(field.strip() for field in (match["fields"] or "").split(",") if field.strip())
    return Place(page, match["name"], fields, bool(match["limits"]), match["text"])


def differences(exchanges: Mapping[str, Exchange], names: Mapping[str, str]) -> list[str]:
    """The places that show something else than what was played now."""
    return [
        f"{place.page.name}: {place.name}"
        for place in places()
        if place.name not in exchanges or _lasting(place.text) != _lasting(_filled(place, exchanges, names))
    ]


def write(exchanges: Mapping[str, Exchange], names: Mapping[str, str]) -> None:
    """Fill every place with what was played."""
    for page in PAGES.glob("*.md"):
        fill = partial(_rewritten, page, exchanges, names)
        page.write_text(PLACE.sub(fill, page.read_text()))


def write_tables() -> None:
    """Make every table anew."""
    for page in PAGES.glob("*.md"):
        page.write_text(renewed(page.read_text()))


def _rewritten(page: Path, exchanges: Mapping[str, Exchange], names: Mapping[str, str], match: re.Match[str]) -> str:
    opening = match[0].partition("\n")[0]
    return f"{opening}\n{_filled(_place(page, match), exchanges, names)}<!-- /played -->"


def _filled(place: Place, exchanges: Mapping[str, Exchange], names: Mapping[str, str]) -> str:
    return shown(exchanges[place.name], place.fields, names, limits=place.limits) + "\n"


def _lasting(text: str) -> list[Any]:
    """What a place says whenever it is played: lines and JSON without what belongs to one playing."""
    said: list[Any] = []
    for block in BLOCKS.findall(text):
        head, _, body = block.partition("\n\n")
        lines = [re.sub(r"^(X-RateLimit-\w+|Retry-After): \d+$", r"\1", line) for line in head.splitlines()]
        said += [[lasting(line) for line in lines], lasting(json.loads(body)) if body else None]
    return said

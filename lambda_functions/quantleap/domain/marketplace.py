"""The marketplace as somebody browses it: filters, pages, and who sees what."""

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from pydantic import Field

from quantleap.domain.basket import Basket, Category, Difficulty, PricingType
from quantleap.domain.contracts import Index
from quantleap.domain.errors import InvalidRequest
from quantleap.domain.model import Digits, Model

MOST_PER_PAGE = 100
MOST_ORDERED = 1400
"""Templates whose order a token carries, so that it fits into an address; those after them are ranked anew."""
NAME_BYTES = 3


class Browse(Model):
    """Which templates to show; `category` matches a template's category or the index of a strategy.

    `page` counts from 1; without one the page begins where the token says.
    """

    category: Category | None = None
    index: Index | None = None
    difficulty: Difficulty | None = None
    pricing_type: PricingType | None = None
    page: Digits | None = Field(default=None, ge=1, le=10_000)
    per_page: Digits | None = Field(default=None, ge=1, le=MOST_PER_PAGE)
    limit: Digits | None = Field(default=None, ge=1, le=MOST_PER_PAGE)
    next_token: str | None = Field(default=None, max_length=6000)

    @property
    def size(self) -> int:
        """Templates on a page: `per_page`, by its other name `limit`, or 10."""
        return self.per_page or self.limit or 10

    def fits(self, basket: Basket) -> bool:
        """Whether a template on the marketplace is one of those asked for."""
        if basket.marketplace is None:
            return False
        indexes = {strategy.index for strategy in basket.strategies}
        return (
            (self.category is None or self.category in {basket.category, *indexes})
            and (self.index is None or self.index in indexes)
            and self.difficulty in {None, basket.marketplace.difficulty_level}
            and self.pricing_type in {None, basket.marketplace.pricing.type}
        )


class Shelf(NamedTuple):
    """One page of the marketplace, and the tokens of the pages beside it."""

    templates: Sequence[Basket]
    total: int
    page: int
    per_page: int
    next_token: str | None
    previous_token: str | None


class Bookmark(NamedTuple):
    """Where a page begins in the order that its first page was made in, whoever has become popular since."""

    start: int = 0
    order: tuple[bytes, ...] = ()


def shelve(baskets: Iterable[Basket], partner_id: str | None, wanted: Browse) -> Shelf:
    """The page somebody (None: the public) asked for, most popular first, ties by id.

    A token carries the order, so that its pages show every template once while subscriber counts change; `page` with
    a token is a page of that order. Templates that came later stand at its end.
    """
    mark = Bookmark() if wanted.next_token is None else _read_token(wanted.next_token)
    found = _ordered((b for b in baskets if b.visible_to(partner_id) and wanted.fits(b)), mark.order)
    order = [*mark.order, *(name for name in map(_name, found) if name not in set(mark.order))]
    place = {name: number for number, name in enumerate(order)}
    start = mark.start if wanted.page is None else (wanted.page - 1) * wanted.size
    if wanted.page is None:
        start = sum(place[_name(basket)] < start for basket in found)
    page = found[start : start + wanted.size]
    return Shelf(
        templates=page,
        total=len(found),
        page=-(-start // wanted.size) + 1,
        per_page=wanted.size,
        next_token=_token(found, start + wanted.size, place) if start + wanted.size < len(found) else None,
        previous_token=_token(found, max(0, start - wanted.size), place) if page and start else None,
    )


def _ordered(baskets: Iterable[Basket], order: Sequence[bytes]) -> list[Basket]:
    place = {name: number for number, name in enumerate(order)}
    return sorted(baskets, key=lambda basket: (place.get(_name(basket), len(order)), *_rank(basket)))


def _rank(basket: Basket) -> tuple[int, str]:
    return -basket.subscriber_count, basket.basket_id


def _name(basket: Basket) -> bytes:
    """Three bytes for a template: enough to tell a few hundred apart, short enough for an address."""
    return hashlib.sha256(basket.basket_id.encode()).digest()[:NAME_BYTES]


def _token(found: Sequence[Basket], start: int, place: Mapping[bytes, int]) -> str:
    """The place of the page's first template in the order, then the order."""
    mark = place[_name(found[start])].to_bytes(2) + b"".join(list(place)[:MOST_ORDERED])
    return base64.urlsafe_b64encode(mark).decode().rstrip("=")


def _read_token(token: str) -> Bookmark:
    try:
        mark = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except ValueError:
        mark = b""
    if len(mark) < 2 + NAME_BYTES or len(mark) % NAME_BYTES != 2:  # noqa: PLR2004 - the start is two bytes
        raise InvalidRequest({"next_token": "Send back the next_token or previous_token of an earlier answer"})
    names = (mark[at : at + NAME_BYTES] for at in range(2, len(mark), NAME_BYTES))
    return Bookmark(int.from_bytes(mark[:2]), tuple(dict.fromkeys(names)))

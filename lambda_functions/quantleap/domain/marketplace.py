"""The marketplace as somebody browses it: filters, pages, and who sees what."""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pydantic import Field

from quantleap.domain.basket import Basket, Category, Difficulty, PricingType
from quantleap.domain.contracts import Index
from quantleap.domain.errors import InvalidRequest
from quantleap.domain.model import Model

MOST_PER_PAGE = 100


class Browse(Model):
    """Which templates to show; `category` matches a template's category or the index of a strategy.

    A `next_token` goes on after the template it names, wherever that stands by now; `page` counts from 1.
    """

    category: Category | None = None
    index: Index | None = None
    difficulty: Difficulty | None = None
    pricing_type: PricingType | None = None
    page: int = Field(default=1, ge=1, le=10_000)
    per_page: int | None = Field(default=None, ge=1, le=MOST_PER_PAGE)
    limit: int | None = Field(default=None, ge=1, le=MOST_PER_PAGE)
    next_token: str | None = Field(default=None, max_length=100)

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
    """One page of the marketplace."""

    templates: Sequence[Basket]
    total: int
    page: int
    per_page: int
    next_token: str | None


def shelve(baskets: Iterable[Basket], partner_id: str | None, wanted: Browse) -> Shelf:
    """The page somebody (None: the public) asked for, most popular first, ties by id."""
    seen = (basket for basket in baskets if basket.visible_to(partner_id) and wanted.fits(basket))
    found = sorted(seen, key=_rank)
    start = (wanted.page - 1) * wanted.size
    if wanted.next_token is not None:
        after = _read_token(wanted.next_token)
        start = next((n for n, basket in enumerate(found) if _rank(basket) > after), len(found))
    page = found[start : start + wanted.size]
    more = start + wanted.size < len(found)
    token = _token(page[-1]) if page and more else None
    return Shelf(page, len(found), start // wanted.size + 1, wanted.size, token)


def _rank(basket: Basket) -> tuple[int, str]:
    return -basket.subscriber_count, basket.basket_id


def _token(basket: Basket) -> str:
    return f"{basket.subscriber_count}.{basket.basket_id}"


def _read_token(token: str) -> tuple[int, str]:
    parts = re.fullmatch(r"([0-9]{1,9})\.([A-Za-z0-9_-]+)", token)
    if parts is None:
        raise InvalidRequest({"next_token": "Send back the next_token of an earlier answer"})
    return -int(parts[1]), parts[2]

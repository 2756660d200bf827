"""The marketplace: baskets offered as templates, withdrawn, browsed."""

from collections.abc import Sequence
from typing import NamedTuple

from quantleap.domain import square_off
from quantleap.domain.basket import Basket, BasketDraft, MarketplaceConfig
from quantleap.domain.basket_changes import OfferChange
from quantleap.domain.clock import Clock
from quantleap.domain.errors import NotFound
from quantleap.domain.marketplace import Browse, Shelf, shelve
from quantleap.domain.model import merged
from quantleap.domain.ports import Baskets, Subscriptions
from quantleap.domain.rate import day_of
from quantleap.domain.sessions import Calendar

CLOSED_AT_ONCE = 3000
"""Subscriptions ended in one call: about 30 a transaction, so well inside the time of an API function."""


def enable(baskets: Baskets, clock: Clock, template_id: str, config: MarketplaceConfig) -> Basket:
    """Offer a basket, or change the offer it has; its strategies execute from the next boundary on."""
    was = baskets.get(template_id)
    offered = was.offered(config, clock())
    baskets.save(offered, was=was)
    return offered


def change(baskets: Baskets, clock: Clock, template_id: str, wanted: OfferChange) -> Basket:
    """Change the offer of a template; what is left out stays."""
    was = baskets.get(template_id)
    if was.marketplace is None:
        raise NotFound("No such template")
    changed = was.offered(merged(MarketplaceConfig, was.marketplace.model_dump(), wanted), clock())
    baskets.save(changed, was=was)
    return changed


def warnings(calendar: Calendar, clock: Clock, draft: BasketDraft) -> Sequence[str]:
    """Where a template leaves after a broker has closed intraday positions itself: users elsewhere may follow it."""
    now = clock()
    return square_off.warnings(draft, calendar.square_offs(day_of(now)), now)


class Withdrawn(NamedTuple):
    """A template off the marketplace, how many subscriptions ended with it just now, and how many are left."""

    basket: Basket
    ended: int
    left: int


def disable(baskets: Baskets, subscriptions: Subscriptions, clock: Clock, template_id: str) -> Withdrawn:
    """Take a template off the marketplace: the first write stops its executions, then its subscriptions end.

    At most `CLOSED_AT_ONCE` end in one call; where some are left the same call goes on with them.
    """
    was = baskets.get(template_id)
    if was.marketplace is None and not was.subscriber_count:
        raise NotFound("No such template")
    if was.marketplace is not None:
        baskets.save(was.withdrawn(clock()), was=was)
    ended = subscriptions.close(template_id, clock(), CLOSED_AT_ONCE)
    basket = baskets.get(template_id)
    return Withdrawn(basket, ended, basket.subscriber_count)


def offered(baskets: Baskets) -> Sequence[Basket]:
    """Every template, whoever may see it, most popular first."""
    return baskets.listed()


def browse(baskets: Baskets, partner_id: str | None, wanted: Browse) -> Shelf:
    """The page of templates somebody (None: the public) asked for."""
    return shelve(baskets.listed(), partner_id, wanted)


def detail(baskets: Baskets, partner_id: str | None, template_id: str) -> Basket:
    """One template, if that somebody may see it."""
    basket = baskets.get(template_id)
    if not basket.visible_to(partner_id):
        raise NotFound("No such template")
    return basket

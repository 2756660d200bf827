"""The marketplace: baskets offered as templates, withdrawn, browsed."""

from collections.abc import Sequence

from quantleap.domain.basket import Basket, MarketplaceConfig
from quantleap.domain.clock import Clock
from quantleap.domain.errors import NotFound
from quantleap.domain.marketplace import Browse, Shelf, shelve
from quantleap.domain.ports import Baskets


def enable(baskets: Baskets, clock: Clock, template_id: str, config: MarketplaceConfig) -> Basket:
    """Offer a basket, or change the offer it has; its strategies execute from the next boundary on."""
    was = baskets.get(template_id)
    offered = was.offered(config, clock())
    baskets.save(offered, was=was)
    return offered


def disable(baskets: Baskets, clock: Clock, template_id: str) -> Basket:
    """Take a template off the marketplace; nothing of it enters any more."""
    was = baskets.get(template_id)
    if was.marketplace is None:
        raise NotFound("No such template")
    withdrawn = was.withdrawn(clock())
    baskets.save(withdrawn, was=was)
    return withdrawn


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

"""Baskets: what administrators write before it becomes a template."""

from collections.abc import Sequence

from quantleap.domain.basket import Basket, BasketDraft
from quantleap.domain.clock import Clock
from quantleap.domain.ids import PLATFORM_OWNER, Randomness, basket_id
from quantleap.domain.ports import Baskets


def create(baskets: Baskets, clock: Clock, draw: Randomness, admin: str, draft: BasketDraft) -> Basket:
    """Store what an administrator wrote as version 1."""
    now = clock()
    basket = Basket(
        **dict(draft),
        basket_id=basket_id(draw),
        template_owner_id=PLATFORM_OWNER,
        created_by=admin,
        created_at=now,
        updated_at=now,
    )
    baskets.add(basket)
    return basket


def every(baskets: Baskets) -> Sequence[Basket]:
    """All baskets, offered or not, newest first."""
    return baskets.list()


def one(baskets: Baskets, wanted: str) -> Basket:
    """A basket by its id."""
    return baskets.get(wanted)

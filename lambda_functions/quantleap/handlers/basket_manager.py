"""Baskets, for administrators."""

from quantleap.domain.basket import BasketDraft
from quantleap.handlers.views import templates as views
from quantleap.runtime import wiring
from quantleap.runtime.api import Api, Ask, Reply, lambda_handler
from quantleap.services import baskets

api = Api()


@api.admin("POST /options/baskets")
def create(admin: str, ask: Ask) -> Reply:
    """Store a basket as version 1."""
    draft = ask.body(BasketDraft)
    return Reply(201, views.basket(baskets.create(wiring.baskets(), wiring.clock, wiring.draw, admin, draft)))


@api.admin("GET /options/baskets")
def every(admin: str, ask: Ask) -> Reply:
    """All baskets, newest first."""
    found = baskets.every(wiring.baskets())
    return Reply(200, {"baskets": [views.basket(basket) for basket in found], "count": len(found)})


@api.admin("GET /options/baskets/{basket_id}")
def one(admin: str, ask: Ask) -> Reply:
    """One basket."""
    return Reply(200, views.basket(baskets.one(wiring.baskets(), ask.id("basket_id"))))


handler = lambda_handler(api)

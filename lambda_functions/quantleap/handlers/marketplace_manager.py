"""The marketplace: offered by administrators, browsed by partners and by everybody."""

from quantleap.domain.basket import Basket, MarketplaceConfig
from quantleap.domain.basket_changes import OfferChange
from quantleap.domain.marketplace import Browse
from quantleap.domain.partner import PartnerKey, Permission
from quantleap.handlers.views import templates as views
from quantleap.runtime import wiring
from quantleap.runtime.api import Api, Ask, Reply, lambda_handler
from quantleap.runtime.described import described
from quantleap.runtime.settings import settings
from quantleap.services import marketplace

api = Api()


@api.public("GET /health")
def health(ask: Ask) -> Reply:
    """That functions answer; it asks nothing else."""
    return Reply(200, {"status": "ok", "stage": settings().stage})


@api.public("GET /openapi.json")
def description(ask: Ask) -> Reply:
    """This API, described for programs: the document you are reading."""
    return Reply(200, {}, {"Cache-Control": "public, max-age=300"}, whole=described())


@api.public("GET /marketplace/templates")
def browse_public(ask: Ask) -> Reply:
    """A page of the public templates."""
    return Reply(200, views.shelf(marketplace.browse(wiring.baskets(), None, ask.query(Browse))))


@api.public("GET /marketplace/templates/{template_id}")
def detail_public(ask: Ask) -> Reply:
    """One public template."""
    return Reply(200, views.detail(marketplace.detail(wiring.baskets(), None, ask.id("template_id"))))


@api.partner("GET /partner/marketplace/templates", Permission.MARKETPLACE_READ)
def browse(key: PartnerKey, ask: Ask) -> Reply:
    """A page of the templates the partner may offer."""
    return Reply(200, views.shelf(marketplace.browse(wiring.baskets(), key.partner_id, ask.query(Browse))))


@api.partner("GET /partner/marketplace/templates/{template_id}", Permission.MARKETPLACE_READ)
def detail(key: PartnerKey, ask: Ask) -> Reply:
    """One template the partner may offer."""
    found = marketplace.detail(wiring.baskets(), key.partner_id, ask.id("template_id"))
    return Reply(200, views.detail(found))


@api.admin("GET /admin/marketplace/templates")
def offered(admin: str, ask: Ask) -> Reply:
    """Every template, whoever may see it."""
    found = marketplace.offered(wiring.baskets())
    return Reply(200, {"templates": [views.basket(basket) for basket in found], "count": len(found)})


@api.admin("POST /admin/marketplace/templates/{template_id}")
def enable(admin: str, ask: Ask) -> Reply:
    """Offer a basket, or change its offer."""
    config = ask.body(MarketplaceConfig, may_be_missing=True)
    offer = marketplace.enable(wiring.baskets(), wiring.clock, ask.id("template_id"), config)
    return Reply(200, {"message": "Template is on the marketplace", **_offer(offer)})


@api.admin("PUT /admin/marketplace/templates/{template_id}")
def change(admin: str, ask: Ask) -> Reply:
    """Change the offer of a template; what is left out stays."""
    wanted = ask.body(OfferChange)
    offer = marketplace.change(wiring.baskets(), wiring.clock, ask.id("template_id"), wanted)
    return Reply(200, {"message": "Template was changed", **_offer(offer)})


def _offer(offer: Basket) -> dict[str, object]:
    found = marketplace.warnings(wiring.calendar(), wiring.clock, offer)
    return {"template": views.basket(offer), "warnings": found}


@api.admin("DELETE /admin/marketplace/templates/{template_id}")
def disable(admin: str, ask: Ask) -> Reply:
    """Take a template off the marketplace and end its subscriptions."""
    done = marketplace.disable(wiring.baskets(), wiring.subscriptions(), wiring.clock, ask.id("template_id"))
    return Reply(200, views.withdrawn(done))


handler = lambda_handler(api, wiring.baskets, wiring.calendar, wiring.subscriptions)

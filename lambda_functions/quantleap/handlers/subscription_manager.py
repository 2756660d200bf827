"""Subscriptions of a partner's users."""

from quantleap.domain.partner import PartnerKey, Permission
from quantleap.domain.subscription import NewSubscription, SubscriptionFilter
from quantleap.handlers.views import subscriptions as views
from quantleap.runtime import wiring
from quantleap.runtime.api import Api, Ask, Reply, lambda_handler
from quantleap.services import subscriptions

api = Api()


@api.partner("POST /partner/marketplace/subscribe", Permission.MARKETPLACE_SUBSCRIBE)
def subscribe(key: PartnerKey, ask: Ask) -> Reply:
    """Let a user follow a template."""
    wanted = ask.body(NewSubscription)
    begun = subscriptions.subscribe(wiring.subscriptions(), wiring.accounts(), wiring.clock, wiring.draw, key, wanted)
    return Reply(201, views.begun(begun.subscription, begun.basket))


@api.partner("GET /partner/subscriptions", Permission.SUBSCRIPTIONS_READ)
def listing(key: PartnerKey, ask: Ask) -> Reply:
    """The tenant's subscriptions, a page at a time."""
    wanted = ask.query(SubscriptionFilter)
    return Reply(200, views.page(subscriptions.listing(wiring.subscriptions(), wiring.users(), key.tenant, wanted)))


@api.partner("GET /partner/subscriptions/{subscription_id}", Permission.SUBSCRIPTIONS_READ)
def one(key: PartnerKey, ask: Ask) -> Reply:
    """One subscription."""
    found = subscriptions.one(wiring.subscriptions(), key.tenant, ask.id("subscription_id"))
    return Reply(200, {"subscription": views.subscription(found)})


@api.partner("PUT /partner/subscriptions/{subscription_id}/pause", Permission.SUBSCRIPTIONS_WRITE)
def pause(key: PartnerKey, ask: Ask) -> Reply:
    """Skip every boundary from now on."""
    paused = subscriptions.pause(wiring.subscriptions(), wiring.clock, key.tenant, ask.id("subscription_id"))
    return Reply(200, views.changed(paused, "Subscription paused"))


@api.partner("PUT /partner/subscriptions/{subscription_id}/resume", Permission.SUBSCRIPTIONS_WRITE)
def resume(key: PartnerKey, ask: Ask) -> Reply:
    """Execute again from the next boundary on."""
    resumed = subscriptions.resume(wiring.subscriptions(), wiring.clock, key.tenant, ask.id("subscription_id"))
    return Reply(200, views.changed(resumed, "Subscription resumed"))


@api.partner("DELETE /partner/subscriptions/{subscription_id}", Permission.SUBSCRIPTIONS_WRITE)
def cancel(key: PartnerKey, ask: Ask) -> Reply:
    """End a subscription."""
    cancelled = subscriptions.cancel(wiring.subscriptions(), wiring.clock, key.tenant, ask.id("subscription_id"))
    return Reply(200, views.changed(cancelled, "Subscription cancelled"))


handler = lambda_handler(api)

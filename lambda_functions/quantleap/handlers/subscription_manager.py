"""Subscriptions of a partner's users, and of those who come by themselves."""

from quantleap.domain.account import Person
from quantleap.domain.deep_links import NewDeepLink
from quantleap.domain.partner import PartnerKey, Permission
from quantleap.domain.ports import Page
from quantleap.domain.subscription import (
    NewSubscription,
    OwnFilter,
    OwnSubscription,
    ReadinessFilter,
    SubscriptionChange,
    SubscriptionFilter,
)
from quantleap.handlers.views import deep_links as deep_link_views
from quantleap.handlers.views import readiness as readiness_views
from quantleap.handlers.views import subscriptions as views
from quantleap.runtime import wiring
from quantleap.runtime.api import Api, Ask, Reply, lambda_handler
from quantleap.runtime.repeats import ids
from quantleap.runtime.settings import settings
from quantleap.services import deep_links, readiness, subscriptions

api = Api()


@api.partner("POST /partner/marketplace/subscribe", Permission.MARKETPLACE_SUBSCRIBE)
def subscribe(key: PartnerKey, ask: Ask) -> Reply:
    """Let a user follow a template."""
    wanted = ask.body(NewSubscription)
    stores = wiring.subscriptions(), wiring.accounts(), wiring.calendar()
    begun = subscriptions.subscribe(*stores, wiring.clock, ids(ask), key, wanted)
    return Reply(201, views.begun(begun.subscription, begun.basket))


@api.partner("GET /partner/subscriptions", Permission.SUBSCRIPTIONS_READ)
def listing(key: PartnerKey, ask: Ask) -> Reply:
    """The tenant's subscriptions, a page at a time."""
    wanted = ask.query(SubscriptionFilter)
    return Reply(200, views.page(subscriptions.listing(wiring.subscriptions(), wiring.users(), key.tenant, wanted)))


@api.partner("GET /partner/subscriptions/{subscription_id}", Permission.SUBSCRIPTIONS_READ)
def one(key: PartnerKey, ask: Ask) -> Reply:
    """One subscription, and what it comes to."""
    return Reply(200, views.detail(subscriptions.detail(_ports(), key.tenant, ask.id("subscription_id"))))


@api.partner("PATCH /partner/subscriptions/{subscription_id}", Permission.SUBSCRIPTIONS_WRITE)
def change(key: PartnerKey, ask: Ask) -> Reply:
    """Change lots, account, or the split over several accounts."""
    wanted = ask.body(SubscriptionChange)
    changed = subscriptions.change(_ports(), key.tenant, ask.id("subscription_id"), wanted)
    return Reply(200, views.rearranged(changed))


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


@api.partner("GET /partner/readiness", Permission.SUBSCRIPTIONS_READ)
def ready(key: PartnerKey, ask: Ask) -> Reply:
    """Which active subscriptions could trade at a moment, and why the others could not."""
    stores = wiring.subscriptions(), wiring.accounts(), wiring.baskets(), wiring.halts(), wiring.rehearsals()
    ports = readiness.Ports(*stores, calendar=wiring.calendar(), clock=wiring.clock)
    return Reply(200, readiness_views.readiness(readiness.readiness(ports, key.tenant, ask.query(ReadinessFilter))))


@api.partner("POST /partner/deep-links", Permission.MARKETPLACE_SUBSCRIBE)
def link(key: PartnerKey, ask: Ask) -> Reply:
    """Send a user to our own pages, where they act by themselves."""
    issued = deep_links.issue(_doorway(), key, ask.body(NewDeepLink))
    return Reply(201, deep_link_views.issued(issued), fresh=True)


@api.user("POST /marketplace/subscribe/{template_id}")
def subscribe_oneself(person: Person, ask: Ask) -> Reply:
    """Follow a template at one's own account."""
    wanted = ask.body(OwnSubscription, may_be_missing=True)
    begun = subscriptions.subscribe_oneself(_ports()._replace(draw=ids(ask)), person, ask.id("template_id"), wanted)
    return Reply(201, views.begun(begun.subscription, begun.basket))


@api.user("GET /user/subscriptions")
def own(person: Person, ask: Ask) -> Reply:
    """One's own subscriptions."""
    found = subscriptions.of_person(wiring.subscriptions(), person, ask.query(OwnFilter))
    return Reply(200, views.page(Page(found, None)))


@api.user("GET /user/subscriptions/{subscription_id}")
def own_one(person: Person, ask: Ask) -> Reply:
    """One of one's own, and what it comes to."""
    return Reply(200, views.detail(subscriptions.detail(_ports(), person.tenant, _own_id(person, ask))))


@api.user("PATCH /user/subscriptions/{subscription_id}")
def change_own(person: Person, ask: Ask) -> Reply:
    """Change lots, account, or the split over several accounts."""
    wanted = ask.body(SubscriptionChange)
    return Reply(200, views.rearranged(subscriptions.change(_ports(), person.tenant, _own_id(person, ask), wanted)))


@api.user("PUT /user/subscriptions/{subscription_id}/pause")
def pause_own(person: Person, ask: Ask) -> Reply:
    """Skip every boundary from now on."""
    paused = subscriptions.pause(wiring.subscriptions(), wiring.clock, person.tenant, _own_id(person, ask))
    return Reply(200, views.changed(paused, "Subscription paused"))


@api.user("PUT /user/subscriptions/{subscription_id}/resume")
def resume_own(person: Person, ask: Ask) -> Reply:
    """Execute again from the next boundary on."""
    resumed = subscriptions.resume(wiring.subscriptions(), wiring.clock, person.tenant, _own_id(person, ask))
    return Reply(200, views.changed(resumed, "Subscription resumed"))


@api.user("DELETE /user/subscriptions/{subscription_id}")
def cancel_own(person: Person, ask: Ask) -> Reply:
    """End one of one's own."""
    cancelled = subscriptions.cancel(wiring.subscriptions(), wiring.clock, person.tenant, _own_id(person, ask))
    return Reply(200, views.changed(cancelled, "Subscription cancelled"))


def _own_id(person: Person, ask: Ask) -> str:
    return subscriptions.require_own(person, ask.id("subscription_id"))


def _doorway() -> deep_links.Doorway:
    return deep_links.Doorway(
        links=wiring.deep_links(),
        baskets=wiring.baskets(),
        users=wiring.users(),
        subscriptions=wiring.subscriptions(),
        clock=wiring.clock,
        draw=wiring.draw,
        app_url=settings().app_url,
    )


def _ports() -> subscriptions.Ports:
    return subscriptions.Ports(
        subscriptions=wiring.subscriptions(),
        accounts=wiring.accounts(),
        baskets=wiring.baskets(),
        clock=wiring.clock,
        draw=wiring.draw,
        calendar=wiring.calendar(),
    )


handler = lambda_handler(
    api,
    wiring.accounts,
    wiring.calendar,
    wiring.baskets,
    wiring.deep_links,
    wiring.halts,
    wiring.rehearsals,
    wiring.subscriptions,
    wiring.users,
    NewSubscription.model_rebuild,
    SubscriptionFilter.model_rebuild,
)

"""Baskets and halts, for administrators."""

from datetime import timedelta

from quantleap.domain.basket import UpdatePolicy
from quantleap.domain.basket_changes import BasketChange, NewApproval, NewBasket
from quantleap.domain.broker_id import BROKER_IDS
from quantleap.domain.halts import NewHalt
from quantleap.domain.market_data_changes import NewMarketData
from quantleap.handlers.views import calendar as calendar_views
from quantleap.handlers.views import market_data as market_data_views
from quantleap.handlers.views import templates as views
from quantleap.runtime import wiring
from quantleap.runtime.api import Api, Ask, Reply, lambda_handler
from quantleap.runtime.repeats import ids
from quantleap.runtime.settings import settings
from quantleap.services import baskets, calendar, halts, market_data, marketplace

api = Api()


@api.admin("POST /options/baskets")
def create(admin: str, ask: Ask) -> Reply:
    """Store a basket as version 1."""
    usual = UpdatePolicy.REGISTERED if settings().real_brokers else UpdatePolicy.INSTANT
    made = baskets.create(
        wiring.baskets(), wiring.calendar().data, wiring.clock, ids(ask), admin, ask.body(NewBasket), usual
    )
    return Reply(201, {**views.basket(made), "warnings": marketplace.warnings(wiring.calendar(), wiring.clock, made)})


@api.admin("GET /options/baskets")
def every(admin: str, ask: Ask) -> Reply:
    """All baskets, newest first."""
    found = baskets.every(wiring.baskets())
    return Reply(200, {"baskets": [views.basket(basket) for basket in found], "count": len(found)})


@api.admin("GET /options/baskets/{basket_id}")
def one(admin: str, ask: Ask) -> Reply:
    """One basket."""
    return Reply(200, views.basket(baskets.one(wiring.baskets(), ask.id("basket_id"))))


@api.admin("PUT /options/baskets/{basket_id}")
def change(admin: str, ask: Ask) -> Reply:
    """Write a new version of a basket; what is left out stays."""
    written = baskets.change(
        wiring.baskets(), wiring.calendar().data, wiring.clock, admin, ask.id("basket_id"), ask.body(BasketChange)
    )
    misfits = baskets.too_large_for(wiring.subscriptions(), wiring.calendar().data, wiring.clock, written)
    found = marketplace.warnings(wiring.calendar(), wiring.clock, written.version or written.basket)
    return Reply(200, {**views.written(written, misfits), "warnings": found})


@api.admin("DELETE /options/baskets/{basket_id}")
def remove(admin: str, ask: Ask) -> Reply:
    """Delete a basket nobody follows."""
    removed = baskets.remove(wiring.baskets(), ask.id("basket_id"))
    return Reply(200, {"message": "Basket was deleted", "basket_id": removed.basket_id})


@api.admin("GET /options/baskets/{basket_id}/versions")
def versions(admin: str, ask: Ask) -> Reply:
    """Every version of a basket, newest first."""
    return Reply(200, views.versions(*baskets.versions(wiring.baskets(), ask.id("basket_id"))))


@api.admin("POST /options/baskets/{basket_id}/versions/{number}/approve")
def approve(admin: str, ask: Ask) -> Reply:
    """Let a version trade from a day on."""
    name, number, approval = ask.id("basket_id"), ask.number("number"), ask.body(NewApproval)
    basket, version = baskets.approve(wiring.baskets(), wiring.clock, admin, name, number, approval)
    return Reply(200, {"version": views.version(version, basket), "basket": views.basket(basket)})


@api.admin("GET /admin/halts")
def every_halt(admin: str, ask: Ask) -> Reply:
    """Where trading stops, by scope."""
    found = halts.every(wiring.halts())
    return Reply(200, {"halts": [views.halt(each, wiring.clock()) for each in found], "count": len(found)})


@api.admin("GET /admin/halts/{scope}")
def one_halt(admin: str, ask: Ask) -> Reply:
    """The halt of a scope."""
    return Reply(200, views.halt(halts.one(wiring.halts(), ask.part("scope")), wiring.clock()))


@api.admin("PUT /admin/halts/{scope}")
def put_halt(admin: str, ask: Ask) -> Reply:
    """Stop trading in a scope, and close what is open there where that is asked for."""
    halting = halts.Halting(
        halts=wiring.halts(),
        runs=wiring.runs(),
        users=wiring.users(),
        starter=wiring.starter(),
        clock=wiring.clock,
        lead=timedelta(seconds=settings().urgent_lead_s),
    )
    halt = halts.put(halting, admin, ask.part("scope"), ask.body(NewHalt))
    return Reply(200, views.halt(halt, wiring.clock()))


@api.admin("DELETE /admin/halts/{scope}")
def lift_halt(admin: str, ask: Ask) -> Reply:
    """Let trading go on in a scope."""
    halt = halts.lift(wiring.halts(), ask.part("scope"))
    return Reply(200, {"message": "Halt was lifted", "scope": halt.scope})


@api.admin("GET /admin/calendar")
def ahead(admin: str, ask: Ask) -> Reply:
    """What fires next, and how far the sessions are known."""
    return Reply(200, calendar_views.ahead(calendar.ahead(wiring.baskets(), wiring.calendar(), wiring.clock)))


@api.admin("GET /admin/market-data")
def every_fact(admin: str, ask: Ask) -> Reply:
    """What was written of each kind of dated facts, and how far the sessions are known."""
    return Reply(200, market_data_views.overview(market_data.every(_facts())))


@api.admin("GET /admin/market-data/{kind}")
def facts_of(admin: str, ask: Ask) -> Reply:
    """The dated facts of a kind: what was written, and what of the release lies under it."""
    return Reply(200, market_data_views.one(market_data.one(_facts(), ask.part("kind"))))


@api.admin("GET /admin/market-data/{kind}/versions")
def fact_versions(admin: str, ask: Ask) -> Reply:
    """Everything that was ever written of a kind, newest first, with who wrote it and when."""
    return Reply(200, market_data_views.versions(*market_data.versions(_facts(), ask.part("kind"))))


@api.admin("PUT /admin/market-data/{kind}")
def put_facts(admin: str, ask: Ask) -> Reply:
    """Write the dated facts of a kind in place of what was written before."""
    written = market_data.put(_facts(), admin, ask.part("kind"), ask.body(NewMarketData))
    return Reply(200, market_data_views.one(written))


def _facts() -> market_data.Facts:
    return market_data.Facts(
        store=wiring.market_data_store(),
        baskets=wiring.baskets(),
        runs=wiring.runs(),
        brokers=BROKER_IDS,
        calendar=wiring.calendar_of,
        clock=wiring.clock,
    )


handler = lambda_handler(
    api,
    wiring.baskets,
    wiring.calendar,
    wiring.halts,
    wiring.market_data_store,
    wiring.runs,
    wiring.starter,
    wiring.subscriptions,
    wiring.users,
)

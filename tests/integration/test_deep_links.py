"""Links to our own pages: promised to a partner, followed once, in both stores and as HTTP."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest

from quantleap.adapters.deep_links import TableDeepLinks
from quantleap.domain.deep_links import LIFE, DeepLink, DeepLinks, NewDeepLink
from quantleap.domain.errors import InvalidRequest, NotFound, Unauthenticated
from quantleap.domain.model import parse
from quantleap.domain.partner import Permission
from quantleap.runtime import wiring
from quantleap.services import deep_links
from quantleap.services.deep_links import Doorway, Issued
from tests.builders import (
    ASHA,
    ASHAS_MAIL,
    NINE_TWENTY,
    OTHERS,
    TEMPLATE,
    ZEBU,
    Clock,
    a_key,
    a_subscription,
    a_template,
    counting,
)
from tests.conftest import TABLE
from tests.fakes import FakeDeepLinks, a_market, in_memory
from tests.integration.gateway import as_admin
from tests.integration.test_api import ACCOUNT, BASKET, OFFER, USER, new_partner, refused

LINKS = "POST /partner/deep-links"


class Portal:
    """A partner's portal, with our pages behind it."""

    def __init__(self, links: DeepLinks) -> None:
        self.links = links
        self.stores = a_market(in_memory())
        self.clock = Clock()
        self.doorway = Doorway(
            links=links,
            baskets=self.stores.baskets,
            users=self.stores.users,
            subscriptions=self.stores.subscriptions,
            clock=self.clock,
            draw=counting(),
            app_url="https://app.example",
        )

    def ask(self, **wanted: Any) -> Issued:
        return deep_links.issue(self.doorway, a_key(), parse(NewDeepLink, {"user_email": ASHAS_MAIL, **wanted}))

    def follow(self, token: str) -> DeepLink:
        return deep_links.redeem(self.links, self.clock, token)


@pytest.fixture(params=["memory", "table"])
def portal(request: pytest.FixtureRequest) -> Portal:
    """With links in either kind of store."""
    in_table = request.param == "table"
    return Portal(TableDeepLinks(request.getfixturevalue("table")) if in_table else FakeDeepLinks())


def test_a_link_tells_once_who_came_and_what_for(portal: Portal) -> None:
    made = portal.ask(template_id=TEMPLATE, user_name="Asha")

    told = portal.follow(made.token)

    assert told == made.link
    assert (told.tenant, told.user_id, told.user_name, told.template_id) == (ZEBU.key, ASHA, "Asha", TEMPLATE)
    with pytest.raises(Unauthenticated):
        portal.follow(made.token)


def test_a_link_opens_nothing_from_its_last_moment_on(portal: Portal) -> None:
    early, late = portal.ask(), portal.ask()

    portal.clock.now = NINE_TWENTY + LIFE - timedelta(microseconds=1)
    assert portal.follow(early.token) == early.link
    portal.clock.now = NINE_TWENTY + LIFE
    with pytest.raises(Unauthenticated):
        portal.follow(late.token)


@pytest.mark.parametrize("token", ["made up", "", "é" * 50])
def test_a_made_up_token_opens_nothing(portal: Portal, token: str) -> None:
    portal.ask()

    with pytest.raises(Unauthenticated):
        portal.follow(token)


def test_somebody_who_has_no_account_yet_gets_a_link_too(portal: Portal) -> None:
    made = portal.ask(user_email="New@Example.com")

    told = portal.follow(made.token)

    assert (told.user_id, told.user_email) == (None, "new@example.com")


def test_a_link_to_a_subscription_is_for_its_user_alone(portal: Portal) -> None:
    name = a_subscription().subscription_id
    portal.stores.subscriptions.add(a_subscription())

    assert portal.ask(subscription_id=name).link.subscription_id == name
    with pytest.raises(NotFound):
        portal.ask(subscription_id=name, user_email="else@example.com")
    with pytest.raises(NotFound):
        deep_links.issue(
            portal.doorway,
            a_key(partner_id=OTHERS.partner_id),
            NewDeepLink(user_email=ASHAS_MAIL, subscription_id=name),
        )


def test_a_link_leads_to_what_its_partner_offers(portal: Portal) -> None:
    portal.stores.baskets.add(a_template(basket_id="bsk_hidden", marketplace=None))

    assert portal.ask(template_basket_id=TEMPLATE).link.template_id == TEMPLATE
    for name in ("bsk_hidden", "bsk_nowhere"):
        with pytest.raises(NotFound):
            portal.ask(template_id=name)


@pytest.mark.parametrize("path", ["//evil.example", "https://evil.example", "/a/../b", "/a?b=c", "/", "a", "/a\\b", ""])
def test_a_link_never_leaves_our_pages(portal: Portal, path: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        portal.ask(path=path)

    assert set(refusal.value.details) == {"path"}


def test_a_link_is_about_one_thing(portal: Portal) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        portal.ask(template_id=TEMPLATE, subscription_id=a_subscription().subscription_id)

    assert set(refusal.value.details) == {"subscription_id"}


def test_of_many_who_follow_a_link_at_once_one_gets_in(portal: Portal) -> None:
    token, together = portal.ask().token, threading.Barrier(20)

    def follow(_: int) -> str:
        together.wait()
        try:
            return portal.follow(token).user_email
        except Unauthenticated as refusal:
            return refusal.reason

    with ThreadPoolExecutor(20) as pool:
        answers = Counter(pool.map(follow, range(20)))

    assert answers == {ASHAS_MAIL: 1, "invalid_credentials": 19}


def test_the_answer_leads_to_our_page_and_the_table_does_not_know_the_token(deployed: object) -> None:
    admin = as_admin()
    partner = new_partner(admin)
    template = admin("POST /options/baskets", BASKET).body["basket_id"]
    admin(f"POST /admin/marketplace/templates/{template}", OFFER)
    partner("POST /partner/broker-accounts", ACCOUNT)

    made = partner(LINKS, {**USER, "template_basket_id": template})

    url = urlsplit(made.body["url"])
    (item,) = (each for each in boto3.resource("dynamodb").Table(TABLE).scan()["Items"] if each["sort_key"] == "LINK")
    assert made.status == 201
    assert (url.netloc, url.path) == ("app-dev.quantleap.in", "/marketplace")
    assert parse_qs(url.query) == {"partner": ["zebu"], "token": [made.body["token"]]}
    assert made.body["expires_in"] == 300
    assert made.body["token"] not in str(item)
    link = deep_links.redeem(wiring.deep_links(), wiring.clock, made.body["token"])
    assert item["expires_at"] == int(link.expires_at.timestamp())
    assert (made.body["user_id"], made.body["template_id"]) == (link.user_id, template)
    assert link.user_id is not None


def test_the_same_request_again_makes_another_link_because_no_token_is_kept(deployed: object) -> None:
    partner = new_partner(as_admin())
    partner.headers["Idempotency-Key"] = "one"

    first, second = partner(LINKS, USER), partner(LINKS, USER)

    assert (first.status, second.status) == (201, 201)
    assert first.body["token"] != second.body["token"]


def test_a_key_that_may_not_subscribe_anybody_may_send_nobody(deployed: object) -> None:
    partner = new_partner(as_admin(), permissions=[Permission.MARKETPLACE_READ])

    refused(partner(LINKS, USER), 403, "permission_denied")

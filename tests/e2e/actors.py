"""People and what they do, in few words: each step is a request, and has to be answered as it should."""

import secrets
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sandbox.browser import log_in
from sandbox.client import Client, Reply, as_partner
from sandbox.platform.seed import RETURN_TO, create_basket, create_partner_key
from sandbox.platform.templates import FREE, IRON_CONDOR
from tests.e2e.platform import Platform

PATIENCE_S = 90

type Order = Mapping[str, Any]


class User:
    """A partner's user with a broker account of a fresh name."""

    def __init__(self, platform: Platform, partner: Client | None = None, broker_id: str = "zebu") -> None:
        name = secrets.token_hex(5)
        self.email = f"{name}@example.com"
        self.client_id = f"E2E{name.upper()}"
        self.broker_id = broker_id
        self.partner = partner or platform.partner()
        self.broker = platform.broker()

    def link(self) -> Reply:
        """Set the broker account up."""
        return self.partner.post(
            "/partner/broker-accounts",
            {
                "user_email": self.email,
                "broker_name": self.broker_id,
                "client_id": self.client_id,
                "api_key": "test_api_key",
                "api_secret": "test_api_secret",
            },
        )

    def begin_login(self) -> Mapping[str, Any]:
        """Start a login; the answer holds the page's address and the state."""
        start = {"user_email": self.email, "redirect_url": RETURN_TO}
        begun: Mapping[str, Any] = self.partner.post(self._oauth("initiate"), start).expect(200)
        return begun

    def finish_login(self, came: Mapping[str, str], state: str) -> Reply:
        """Hand over what the login page returned with."""
        return self.partner.post(self._oauth("callback"), {"user_email": self.email, **came, "state": state})

    def log_in(self) -> None:
        """Today's login, on the broker's page."""
        begun = self.begin_login()
        self.finish_login(log_in(begun["oauth_url"], self.client_id), begun["state"]).expect(200)

    def ask_to_subscribe(self, template_id: str, **changes: object) -> Reply:
        """Ask to follow a template."""
        wanted = {"user_email": self.email, "template_id": template_id, "broker_client_id": self.client_id}
        return self.partner.post("/partner/marketplace/subscribe", wanted | changes)

    def subscribe(self, template_id: str, **changes: object) -> str:
        """Follow a template, and return the subscription's id."""
        subscription_id: str = self.ask_to_subscribe(template_id, **changes).expect(201)["subscription_id"]
        return subscription_id

    def pause(self, subscription_id: str) -> None:
        """Skip boundaries from now on."""
        self.partner.put(f"/partner/subscriptions/{subscription_id}/pause").expect(200)

    def booked(self) -> Sequence[Order]:
        """The broker's own book of this user, as orders arrived."""
        orders: Sequence[Order] = self.broker.get("/control/orders", client_id=self.client_id).expect(200)["orders"]
        return orders

    def _oauth(self, step: str) -> str:
        return f"/partner/broker-accounts/{self.client_id}/oauth/{step}"


class Run(NamedTuple):
    """A run as the partner reads it back."""

    run_id: str
    boundary: datetime
    body: Mapping[str, Any]

    def of(self, user: User) -> Mapping[str, Any]:
        """A user's part in it."""
        part: Mapping[str, Any] = next(each for each in self.body["subscriptions"] if each["user_email"] == user.email)
        return part

    def orders(self, user: User) -> Sequence[Order]:
        """A user's orders in it."""
        orders: Sequence[Order] = self.of(user)["orders"]
        return orders


def a_linked_user(platform: Platform, partner: Client | None = None) -> User:
    """A user with a broker account."""
    user = User(platform, partner)
    user.link().expect(201)
    return user


def a_ready_user(platform: Platform) -> User:
    """A user who logged in today."""
    user = a_linked_user(platform)
    user.log_in()
    return user


def a_template(platform: Platform, basket: Mapping[str, Any] = IRON_CONDOR, **strategy: object) -> str:
    """A template of its own: an iron condor on NIFTY, or another basket; `strategy` changes its first one."""
    admin = platform.admin()
    strategies = [{**basket["strategies"][0], **strategy}, *basket["strategies"][1:]]
    named = {"name": f"{basket['name']} {secrets.token_hex(4)}", "strategies": strategies}
    template_id = create_basket(admin, {**basket, **named})
    admin.post(f"/admin/marketplace/templates/{template_id}", {"pricing": FREE}).expect(200)
    return template_id


def another_partner(platform: Platform) -> Client:
    """A second broker with a key of its own."""
    name = f"other{secrets.token_hex(3)}"
    key = create_partner_key(platform.admin(), partner_id=name, partner_name=name)
    return as_partner(platform.record.base_url, key)


def fire(partner: Client, template_id: str, kind: str = "entry") -> Run:
    """Start a run that is not over yet."""
    fired = partner.post("/partner/sandbox/executions", {"template_id": template_id, "kind": kind}).expect(202)
    return Run(fired["run_id"], datetime.fromisoformat(fired["boundary"]), {})


def completed(partner: Client, run: Run) -> Run:
    """The run once it is over."""
    patience = time.monotonic() + PATIENCE_S
    while True:
        reply = partner.get(f"/partner/executions/{run.run_id}")
        if reply.ok and reply.body["status"] == "completed":
            return run._replace(body=reply.body)
        assert time.monotonic() < patience, f"{run.run_id} did not end: {reply.body}"
        time.sleep(0.3)

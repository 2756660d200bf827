"""From an administrator's first sign-in to an entry, its exit, a pause and a skipped entry; every step a request."""

import secrets
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sandbox.browser import log_in
from sandbox.client import Client, as_partner, as_person, sign_in
from sandbox.demo.findings import Seen, complaints
from sandbox.demo.teller import Teller, boundary_of
from sandbox.platform.record import PartnerKey, Record
from sandbox.platform.seed import PARTNER, RETURN_TO
from sandbox.platform.templates import IRON_CONDOR, PAID
from sandbox.problem import Problem

MULTIPLIER = 2
PATIENCE_S = 45.0
POLL_S = 0.4
EXECUTIONS = "/partner/executions"


class Journey:
    """One fresh user, partner key and template, from nothing to a day's trade."""

    def __init__(self, record: Record, teller: Teller, offered: Mapping[str, Any]) -> None:
        name = secrets.token_hex(4)
        self.record = record
        self.broker_id: str = offered["broker_name"]
        self.product: str = offered["products"][0]
        self.tell = teller
        self.email = f"asha.{name}@example.com"
        self.client_id = f"DEMO{name.upper()}"
        self.broker = Client(record.broker_url)

    def publish(self) -> None:
        """The administrator's part: a template on the marketplace, a key for the partner."""
        tokens = self.tell.told("the admin signs in", sign_in(self.record), 200)
        self.admin = as_person(self.record.base_url, tokens["AuthenticationResult"]["IdToken"])
        strategy = IRON_CONDOR["strategies"][0] | {"product": self.product}
        basket = IRON_CONDOR | {"name": f"Demo Iron Condor {self.client_id}", "strategies": [strategy]}
        made = self.tell.told(
            "writes a basket: an iron condor on NIFTY", self.admin.post("/options/baskets", basket), 201
        )
        self.template_id: str = made["basket_id"]
        offer = self.admin.post(f"/admin/marketplace/templates/{self.template_id}", {"pricing": PAID})
        self.tell.told("offers it on the marketplace", offer, 200)
        issued = self.admin.post("/admin/partner-api-keys", PARTNER | {"broker_id": self.broker_id})
        key = self.tell.told("issues a key to the partner", issued, 201)
        self.api_key_id: str = key["api_key_id"]
        self.partner = as_partner(self.record.base_url, PartnerKey(key["api_key"], key["api_secret"]))

    def subscribe(self) -> None:
        """The partner's part: its user's account, today's login, the subscription."""
        self.tell.told("the partner browses the marketplace", self.partner.get("/partner/marketplace/templates"), 200)
        account = {
            "user_email": self.email,
            "broker_name": self.broker_id,
            "client_id": self.client_id,
            "api_key": "test_api_key",
            "api_secret": "test_api_secret",
        }
        self.tell.told("links its user's broker account", self.partner.post("/partner/broker-accounts", account), 201)
        self._log_in()
        wanted = {
            "user_email": self.email,
            "template_id": self.template_id,
            "broker_client_id": self.client_id,
            "lot_multiplier": MULTIPLIER,
        }
        begun = self.partner.post("/partner/marketplace/subscribe", wanted)
        subscription = self.tell.told(f"subscribes the user, {MULTIPLIER} lots a leg", begun, 201)
        self.subscription_id: str = subscription["subscription_id"]
        self.lots = {leg["leg"]: leg["lots"] for leg in subscription["subscription"]["lots"]}

    def _log_in(self) -> None:
        account = f"/partner/broker-accounts/{self.client_id}/oauth"
        begun = self.partner.post(f"{account}/initiate", {"user_email": self.email, "redirect_url": RETURN_TO})
        login = self.tell.told("begins today's broker login", begun, 200)
        returned = log_in(login["oauth_url"], self.client_id)
        self.tell.say("the user logs in on the broker's page")
        came = {"user_email": self.email, "state": login["state"], **returned}
        self.tell.told("hands the login's code over", self.partner.post(f"{account}/callback", came), 200)

    def trade(self, kind: str = "entry") -> Mapping[str, Any]:
        """Fire the template, or its exit, wait for the boundary, and read the run back."""
        wanted = {"template_id": self.template_id, "kind": kind}
        started = self.partner.post("/partner/sandbox/executions", wanted)
        fired = self.tell.told(f"fires the template's {kind}", started, 202)
        self.boundary = boundary_of(fired)
        self.tell.count_down(self.boundary)
        with self.tell.waiting("orders are on their way"):
            reply = self._completed(fired["run_id"])
        run: Mapping[str, Any] = self.tell.told("reads the execution back", reply, 200)
        return run

    def _completed(self, run_id: str) -> Any:  # noqa: ANN401 - a reply
        patience = time.monotonic() + PATIENCE_S
        while time.monotonic() < patience:
            reply = self.partner.get(f"{EXECUTIONS}/{run_id}")
            if reply.ok and reply.body["status"] == "completed":
                return reply
            time.sleep(POLL_S)
        raise Problem(
            f"the run {run_id} was not completed within {PATIENCE_S:.0f} s of its boundary; "
            "`.venv/bin/python -m sandbox logs` shows what the functions wrote"
        )

    def compare(self, run: Mapping[str, Any]) -> list[str]:
        """Show the orders, hold them against the broker's own book, and return what is off."""
        orders = _orders(run)
        self.tell.orders(orders)
        seen = Seen(self.boundary, orders, self._booked(), self.lots)
        found = complaints(seen)
        if not found:
            first = min(datetime.fromisoformat(order["arrived_at"]) for order in seen.booked)
            late_ms = (first - self.boundary).total_seconds() * 1000
            self.tell.say(
                f"the broker's book holds each order once, hedges first; the first arrived {late_ms:.1f} ms after "
                f"{self.boundary:%H:%M:%S}.000"
            )
        return found

    def _booked(self) -> Sequence[Mapping[str, Any]]:
        orders: Sequence[Mapping[str, Any]] = self.broker.get("/control/orders", client_id=self.client_id).body[
            "orders"
        ]
        return orders

    def close(self) -> list[str]:
        """Close what was opened, and return what is off: the account ends flat."""
        orders = _orders(self.trade("exit"))
        self.tell.orders(orders)
        if [order["side"] for order in orders] != ["BUY", "BUY", "SELL", "SELL"]:
            return ["the exit did not buy back what was sold before it sold what protects it"]
        held: Counter[str] = Counter()
        for order in self._booked():
            held[order["symbol"]] += order["filled"] * (1 if order["side"] == "BUY" else -1)
        if any(held.values()):
            return [f"the account is not flat: {dict(held)}"]
        self.tell.say("what was sold was bought back first; the account is flat")
        return []

    def pause(self) -> list[str]:
        """Pause, let the next boundary pass, and return what is off."""
        before = len(self._booked())
        path = f"/partner/subscriptions/{self.subscription_id}/pause"
        self.tell.told("the partner pauses the subscription", self.partner.put(path), 200)
        reason = self.trade()["subscriptions"][0]["skipped"]
        if reason != "subscription_paused":
            return [f"the paused subscription was not skipped for being paused: {reason}"]
        if len(self._booked()) != before:
            return ["a paused subscription traded"]
        self.tell.say(f"skipped, and nothing reached the broker: {reason}")
        return []

    def tidy(self) -> None:
        """Take the template off the marketplace and end the key, at once."""
        withdrawn = self.admin.delete(f"/admin/marketplace/templates/{self.template_id}")
        self.tell.told("the admin withdraws the template", withdrawn, 200)
        self.tell.told("revokes the key", self.admin.delete(f"/admin/partner-api-keys/{self.api_key_id}"), 200)
        self.tell.told("the partner is turned away", self.partner.get("/partner/me"), 401)


def _orders(run: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The orders of the run's one subscription; raises `Problem` where it was skipped."""
    part = run["subscriptions"][0]
    if part["skipped"]:
        raise Problem(f"the {run['kind']} was skipped: {part['skipped']}")
    orders: Sequence[Mapping[str, Any]] = part["orders"]
    return orders

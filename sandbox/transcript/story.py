"""A partner's whole journey, request by request; every exchange has the name that a page shows it by."""

import secrets
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from sandbox.client import Client, Reply
from sandbox.platform.seed import PARTNER

SANDBOX_APP = {"api_key": "test_api_key", "api_secret": "test_api_secret"}
RETURN_TO = "https://portal.example.com/algo/callback"

type Ask = Callable[[Mapping[str, str]], Client]
"""Makes somebody who asks, by the headers that say who."""

type Complete = Callable[[Client, str], None]
"""Comes back once a run is over."""


class Exchange(NamedTuple):
    """One request as it was sent, without its credentials, and its answer."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: object
    reply: Reply


class Story:
    """Plays once, with a partner, users and keys of its own, so that it can be played on any platform again."""

    def __init__(self, admin: Client, ask: Ask, complete: Complete) -> None:
        self.exchanges: dict[str, Exchange] = {}
        self._admin, self._ask, self._complete = admin, ask, complete
        self._mark = secrets.token_hex(4)
        self._partner_id = f"zebu{self._mark}"
        self._email, self._other = f"asha.{self._mark}@example.com", f"ravi.{self._mark}@example.com"
        self._account, self._second = f"ZEBU{self._mark.upper()}", f"ZEBU2{self._mark.upper()}"
        self._others_account = f"ZEBU3{self._mark.upper()}"
        self._key = self._issue()

    @property
    def names(self) -> Mapping[str, str]:
        """What this playing calls things, and what the documents call them."""
        return {
            self._email: "asha@example.com",
            self._other: "ravi@example.com",
            self._account: "ZEBU123456",
            self._second: "ZEBU654321",
            self._others_account: "ZEBU777777",
            self._partner_id: "zebu",
        }

    def play(self) -> None:
        """From the first request to the last; raises `Problem` where something essential is refused."""
        self._browse()
        self._link()
        self._log_in()
        self._subscribe()
        self._change()
        self._trade()
        self._end()
        self._err()

    def _browse(self) -> None:
        self._said("me", "GET", "/partner/me").expect(200)
        shelf = "/partner/marketplace/templates?category=NIFTY&pricing_type=PAID&per_page=1"
        found = self._said("templates", "GET", shelf).expect(200)
        self._template: str = found["templates"][0]["template_id"]
        self._said("template", "GET", f"/partner/marketplace/templates/{self._template}").expect(200)
        self._said("template-unknown", "GET", "/partner/marketplace/templates/bsk_0000000000000000")

        self._point_to_our_pages()

    def _point_to_our_pages(self) -> None:
        wanted = {"user_email": self._email, "user_name": "Asha Rao", "template_id": self._template}
        self._said("deep-link", "POST", "/partner/deep-links", wanted).expect(201)

    def _link(self) -> None:
        asha = {"user_email": self._email, "user_name": "Asha Rao", "broker_name": "zebu", "client_id": self._account}
        self._said("link", "POST", "/partner/broker-accounts", asha | SANDBOX_APP).expect(201)
        self._said("link-again", "POST", "/partner/broker-accounts", asha | SANDBOX_APP).expect(200)
        self._said("account", "GET", f"/partner/broker-accounts/{self._account}").expect(200)
        self._said("accounts", "GET", f"/partner/broker-accounts?user_email={self._email}").expect(200)
        for email, client_id in ((self._email, self._second), (self._other, self._others_account)):
            more = {"user_email": email, "broker_name": "zebu", "client_id": client_id}
            self._quietly("POST", "/partner/broker-accounts", more | SANDBOX_APP).expect(201)

    def _log_in(self) -> None:
        path = f"/partner/broker-accounts/{self._account}/oauth"
        start = {"user_email": self._email, "redirect_url": RETURN_TO}
        begun = self._said("initiate", "POST", f"{path}/initiate", start).expect(200)
        came = {"user_email": self._email, "state": begun["state"]}
        self._said("login-refused", "POST", f"{path}/callback", came | {"code": "no-code-of-ours"})
        came["state"] = self._quietly("POST", f"{path}/initiate", start).expect(200)["state"]
        came["request_token"] = "mock_token_12345"
        self._said("callback", "POST", f"{path}/callback", came).expect(200)
        self._said("callback-again", "POST", f"{path}/callback", came)

    def _subscribe(self) -> None:
        path = "/partner/marketplace/subscribe"
        once = {"Idempotency-Key": f"order-4711-{self._mark}"}
        wanted = {
            "template_id": self._template,
            "user_email": self._email,
            "user_name": "Asha Rao",
            "broker_client_id": self._account,
            "lot_multiplier": 2,
        }
        made = self._said("subscribe", "POST", path, wanted, once).expect(201)
        self._subscription = f"/partner/subscriptions/{made['subscription_id']}"
        self._said("subscribe-replayed", "POST", path, wanted, once).expect(201)
        self._said("key-reused", "POST", path, wanted | {"lot_multiplier": 3}, once)
        self._said("already-subscribed", "POST", path, wanted)
        other = {"user_email": self._other, "broker_client_id": self._others_account, "template_id": self._template}
        self._quietly("POST", path, other).expect(201)
        self._said("account-missing", "POST", path, other | {"broker_client_id": "ZEBU000000"})
        self._said("subscription", "GET", self._subscription).expect(200)
        listed = f"/partner/subscriptions?user_email={self._email}&status=ACTIVE"
        self._said("subscriptions", "GET", listed).expect(200)

    def _change(self) -> None:
        self._said("change-lots", "PATCH", self._subscription, {"lot_multiplier": 1.5}).expect(200)
        split = [
            {"client_id": self._account, "lot_multiplier": 2, "priority": 1},
            {"client_id": self._second, "lot_multiplier": 1, "priority": 2, "max_lots_per_order": 10},
        ]
        self._said("split", "PATCH", self._subscription, {"allocations": split}).expect(200)
        self._said("readiness", "GET", "/partner/readiness").expect(200)
        self._said("too-many-lots", "PATCH", self._subscription, {"allocations": [split[0] | {"lot_multiplier": 1000}]})
        self._quietly("PATCH", self._subscription, {"allocations": split[:1]}).expect(200)

    def _trade(self) -> None:
        entry = {"template_id": self._template}
        fired = self._said("fire", "POST", "/partner/sandbox/executions", entry).expect(202)
        run = f"/partner/executions/{fired['run_id']}"
        self._said("run-planned", "GET", run).expect(200)
        self._complete(self._ask(self._key), fired["run_id"])
        self._said("run", "GET", run).expect(200)
        closing = self._said("fire-exit", "POST", "/partner/sandbox/executions", entry | {"kind": "exit"}).expect(202)
        self._complete(self._ask(self._key), closing["run_id"])
        self._said("run-exit", "GET", f"/partner/executions/{closing['run_id']}").expect(200)
        self._said("runs", "GET", "/partner/executions?limit=2").expect(200)

    def _end(self) -> None:
        self._said("pause", "PUT", f"{self._subscription}/pause").expect(200)
        self._said("pause-again", "PUT", f"{self._subscription}/pause")
        self._said("resume", "PUT", f"{self._subscription}/resume").expect(200)
        account = f"/partner/broker-accounts/{self._account}"
        self._said("account-in-use", "DELETE", account)
        self._said("cancel", "DELETE", self._subscription).expect(200)
        self._said("resume-cancelled", "PUT", f"{self._subscription}/resume")
        self._said("unlink", "DELETE", account).expect(200)

    def _err(self) -> None:
        wrong = {"user_email": "asha", "broker_client_id": "?", "lot_multiplier": 0, "quantity": 2}
        self._said("wrong-fields", "POST", "/partner/marketplace/subscribe", wrong)
        self._asked("wrong-secret", {**self._key, "X-Partner-Secret": "sk_wrong"}, "/partner/me")
        self._asked("no-permission", self._issue(permissions=["marketplace:read"]), "/partner/subscriptions")
        self._asked("wrong-address", self._issue(allowed_ips=["203.0.113.0/28"]), "/partner/me")
        for name, limits in (("too-fast", {"requests_per_minute": 1}), ("over-quota", {"requests_per_day": 1})):
            slow = self._issue(rate_limits=limits)
            self._ask(slow).get("/partner/me").expect(200)
            self._asked(name, slow, "/partner/me")

    def _issue(self, **changes: object) -> Mapping[str, str]:
        """A new key of the story's partner, as `make run` issues them, as the headers of a request."""
        draft = {**PARTNER, "partner_id": self._partner_id, "redirect_urls": [RETURN_TO]}
        made = self._admin.post("/admin/partner-api-keys", draft | changes).expect(201)
        return {"Authorization": f"Bearer {made['api_key']}", "X-Partner-Secret": made["api_secret"]}

    def _quietly(self, method: str, path: str, body: object = None) -> Reply:
        return self._ask(self._key).send(method, path, body=body)

    def _said(
        self, name: str, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        reply = self._ask({**self._key, **(headers or {})}).send(method, path, body=body)
        self.exchanges[name] = Exchange(method, path, headers or {}, body, reply)
        return reply

    def _asked(self, name: str, headers: Mapping[str, str], path: str) -> None:
        self.exchanges[name] = Exchange("GET", path, {}, None, self._ask(headers).get(path))


def part_of(body: Any, fields: tuple[str, ...]) -> Any:  # noqa: ANN401 - JSON
    """The fields of an answer that a page shows; all of them where it names none."""
    return {name: body[name] for name in fields} if fields else body

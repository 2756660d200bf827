"""Real answers for the examples of the document: `make reference` plays them anew.

They come from the world of the tests, where time and chance stand still; what is written is what was answered.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from quantleap.domain.sessions import TradingCalendar
from quantleap.runtime import wiring
from sandbox.openapi.document import EXAMPLES
from sandbox.platform.templates import IRON_CONDOR, LONG_STRADDLE, WINGED_STRANGLE
from tests.integration.gateway import Answer, answer, find
from tests.integration.test_api import Login
from tests.integration.world import (
    ACCOUNT,
    CLIENT,
    EMAIL,
    MANY,
    RETURN_TO,
    FrontDoor,
    World,
    a_key,
    a_stage,
    a_template,
    build,
    claims,
    headers,
)

REQUEST_ID = "4f6f3c86-9d1b-4c53-a5f8-2f0f6b1c7d10"
"""In place of the request id that the gateway of the tests gives everybody."""

UNTOLD = {"GET /openapi.json"}
"""Its answer is the document itself."""

OWN_WORDS = {"invalid_request", "not_found"}
"""Codes whose words depend on the route; the others are told once for all."""

KEYS = "/admin/partner-api-keys"

type Recorded = dict[str, dict[str, Any]]


class Tape:
    """The first request and answer of each kind."""

    def __init__(self) -> None:
        self.routes: Recorded = {}
        self.codes: dict[str, Any] = {}

    def note(self, line: str, body: object, said: Answer) -> None:
        """Keep it, unless there is one of its kind."""
        told = json.loads(json.dumps(said.body).replace("request-1", REQUEST_ID))
        if said.status >= 400:
            self.codes.setdefault(said.body["code"], told)
        if line in UNTOLD or (said.status >= 400 and said.body["code"] not in OWN_WORDS):
            return
        route = self.routes.setdefault(line, {"responses": {}})
        route["responses"].setdefault(str(said.status), told)
        if body is not None and said.status < 400:
            route.setdefault("request", body)


@contextmanager
def recorded() -> Iterator[Tape]:
    """A tape of everything below."""
    tape = Tape()

    class Recorder(FrontDoor):
        def __call__(self, line: str, body: object = None, **more: Any) -> Answer:
            said = super().__call__(line, body, **more)
            route = find(*line.partition("?")[0].split())[0]
            tape.note(f"{route.method} {route.path}", body, said)
            return said

    login = Login()
    with a_stage(), pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(wiring, "http", lambda: login)
        monkeypatch.setattr(wiring, "calendar", TradingCalendar)
        world = build(Recorder)
        _everyone(Recorder(), world)
        _partner(world, login)
        _user(world, login)
        _admin(world)
        _refusals(Recorder, world)
        _remembered(tape, world)
        yield tape


def _everyone(anybody: FrontDoor, world: World) -> None:
    for line in ("GET /health", "GET /brokers", "GET /marketplace/templates?category=NIFTY"):
        anybody(line)
    anybody(f"GET /marketplace/templates/{world.template_id}")
    anybody("GET /marketplace/templates/bsk_none")


def _partner(world: World, login: Login) -> None:
    ask, own = world.partner, world.of_partner
    account, one = f"/partner/broker-accounts/{CLIENT}", f"/partner/subscriptions/{own['subscription_id']}"
    wanted = {"user_email": EMAIL, "template_id": world.template_id, "broker_client_id": CLIENT}
    for line in ("me", "brokers", "marketplace/templates", f"marketplace/templates/{world.template_id}"):
        ask(f"GET /partner/{line}")
    ask("POST /partner/broker-accounts", {"user_email": EMAIL, "user_name": "Asha Rao", **ACCOUNT})
    ask(f"POST {account}/oauth/initiate", {"user_email": EMAIL, "redirect_url": f"{RETURN_TO}/"})
    state = ask(f"POST {account}/oauth/initiate", {"user_email": EMAIL, "redirect_url": RETURN_TO}).body["state"]
    back = {"user_email": EMAIL, "request_token": "mock_token_12345", "state": state}
    ask(f"POST {account}/oauth/callback", back)
    ask(f"POST {account}/oauth/callback", back)
    login.refusal = "Invalid vendor code"
    state = ask(f"POST {account}/oauth/initiate", {"user_email": EMAIL}).body["state"]
    ask(f"POST {account}/oauth/callback", {**back, "state": state})
    login.refusal = None
    ask("POST /partner/marketplace/subscribe", wanted)
    ask("POST /partner/marketplace/subscribe", {**wanted, "broker_client_id": "NOBODYS1"})
    ask(f"PATCH {one}", {"lot_multiplier": 3})
    ask(f"PUT {one}/pause")
    ask(f"PUT {one}/pause")
    ask(f"PUT {one}/resume")
    for line in ("subscriptions", "readiness", "broker-accounts", "executions", f"executions/{own['run_id']}"):
        ask(f"GET /partner/{line}")
    ask(f"GET {one}")
    ask(f"GET {account}")
    ask("POST /partner/deep-links", {"user_email": EMAIL, "template_id": world.template_id})
    ask(f"DELETE {account}")
    _end(world)


def _end(world: World) -> None:
    """Another subscription at another account, so that both can end."""
    ask, other = world.partner, a_template(world.admin, LONG_STRADDLE)
    ask("POST /partner/broker-accounts", {"user_email": EMAIL, **ACCOUNT, "client_id": "ZEBU124"})
    wanted = {"user_email": EMAIL, "template_id": other, "broker_client_id": "ZEBU124"}
    made = ask("POST /partner/marketplace/subscribe", wanted).body["subscription_id"]
    ask(f"DELETE /partner/subscriptions/{made}")
    ask("DELETE /partner/broker-accounts/ZEBU124")


def _user(world: World, login: Login) -> None:
    ask, own = world.user, world.of_user
    account, one = f"/user/broker-accounts/{own['client_id']}", f"/user/subscriptions/{own['subscription_id']}"
    login.client_id = own["client_id"]
    ask("POST /user/broker-accounts", {**ACCOUNT, "client_id": own["client_id"]})
    state = ask(f"POST {account}/oauth/initiate", {}).body["state"]
    ask(f"POST {account}/oauth/callback", {"request_token": "mock_token_12345", "state": state})
    ask(f"PATCH {one}", {"lot_multiplier": 2})
    for line in (f"PUT {one}/pause", f"PUT {one}/resume", f"GET {one}", f"GET {account}"):
        ask(line)
    for line in ("subscriptions", "broker-accounts", "executions"):
        ask(f"GET /user/{line}")
    ask(f"DELETE {one}")
    ask(f"DELETE {account}")


def _admin(world: World) -> None:
    ask, key_id, template_id = world.admin, world.of_partner["api_key_id"], world.template_id
    for line in ("/options/baskets", f"/options/baskets/{template_id}", "/admin/marketplace/templates"):
        ask(f"GET {line}")
    ask(f"PUT /options/baskets/{template_id}", {"stop_loss": 15})
    ask(f"PUT /admin/marketplace/templates/{template_id}", {"difficulty_level": "BEGINNER"})
    ask(f"GET /options/baskets/{template_id}/versions")
    ask(f"DELETE /options/baskets/{template_id}")
    waiting = ask("POST /options/baskets", {**WINGED_STRANGLE, "policy": "registered"}).body["basket_id"]
    ask(f"POST /admin/marketplace/templates/{waiting}", {})
    approval = {"algo_ids": {"zebu": "ALGO-1001"}, "effective_from": "2026-11-24"}
    for _ in range(2):
        ask(f"POST /options/baskets/{waiting}/versions/1/approve", approval)
    ask(f"DELETE /options/baskets/{waiting}")
    ask(f"DELETE /admin/marketplace/templates/{a_template(ask, LONG_STRADDLE)}")
    ask("PUT /admin/halts/partner:zebu", {"reason": "The broker is unreachable", "until": "2026-11-23T06:00:00Z"})
    for line in ("GET /admin/halts", "GET /admin/halts/partner:zebu", "DELETE /admin/halts/partner:zebu"):
        ask(line)
    ask("GET /admin/calendar")
    _facts(world)
    for line in (KEYS, f"{KEYS}/{key_id}", f"{KEYS}/{key_id}/usage?days=7"):
        ask(f"GET {line}")
    other = a_key(ask, partner_id="acme", partner_name="Acme Broking")["api_key_id"]
    ask(f"PUT {KEYS}/{other}", {"allowed_ips": ["203.0.113.0/28"]})
    ask(f"POST {KEYS}/{other}/rotate", {"overlap_hours": 24})
    ask(f"DELETE {KEYS}/{other}")
    ask(f"POST {KEYS}/{other}/rotate", {"overlap_hours": 0})


def _facts(world: World) -> None:
    ask, facts = world.admin, "/admin/market-data"
    hour = {
        "broker_id": "zebu",
        "effective_from": "2026-12-01",
        "at": "15:20",
        "source": "Zebu's answer to ticket 4711",
    }
    ask(f"PUT {facts}/square-off-hours", {"version": 0, "rows": [hour]})
    ask(f"PUT {facts}/square-off-hours", {"version": 1, "rows": [{**hour, "at": "15:45"}]})
    for path in (facts, f"{facts}/square-off-hours", f"{facts}/square-off-hours/versions", f"{facts}/prices"):
        ask(f"GET {path}")
    now = {**hour, "effective_from": "2026-11-23"}
    ask(f"PUT {facts}/square-off-hours", {"version": 1, "rows": [now]})


def _refusals(kind: type[FrontDoor], world: World) -> None:
    """Each route that reads something is sent a field it does not know; and everybody who may not come in."""
    kind()("GET /partner/me")
    kind(claims={**claims("meera"), "token_use": "access"})("GET /admin/halts")
    kind(claims=claims("meera"))("GET /admin/halts")
    for line in ("POST /partner/marketplace/subscribe", "POST /partner/broker-accounts", "POST /partner/deep-links"):
        world.partner(line, {"user_email": "nobody", "colour": "red"})
    world.partner("GET /partner/subscriptions?status=SLEEPING")
    world.partner("GET /partner/subscriptions/sub_none")
    world.partner("POST /partner/sandbox/executions", {"template_id": "bsk_none"})
    world.partner("POST /partner/sandbox/executions", {"template_id": world.template_id, "at": "2026-11-23T03:00:00Z"})
    world.admin("POST /options/baskets", {**IRON_CONDOR, "strategies": []})
    _repeated(kind, world)
    may_not = kind(headers(a_key(world.admin, permissions=["marketplace:read"])))
    may_not("GET /partner/subscriptions")
    kind(headers(a_key(world.admin, allowed_ips=["203.0.113.0/28"])))("GET /partner/me")
    live = kind(headers(a_key(world.admin, environment="live")))
    live("POST /partner/sandbox/executions", {"template_id": world.template_id})
    for limits in ({"requests_per_minute": 1}, {"requests_per_day": 1}):
        seldom = kind(headers(a_key(world.admin, rate_limits={**MANY, **limits})))
        seldom("GET /partner/me")
        seldom("GET /partner/me")


def _repeated(kind: type[FrontDoor], world: World) -> None:
    once = kind({**world.partner.headers, "Idempotency-Key": "5b0c2e57-one-request"})
    once("POST /partner/broker-accounts", {"user_email": "ravi@example.com", **ACCOUNT, "client_id": "ZEBU125"})
    once("POST /partner/broker-accounts", {"user_email": "ravi@example.com", **ACCOUNT, "client_id": "ZEBU126"})


def _remembered(tape: Tape, world: World) -> None:
    """Keys that died while the gateway still trusted them."""
    revoked, rotated = a_key(world.admin, partner_name="Revoked"), a_key(world.admin, partner_name="Rotated")
    world.admin(f"DELETE {KEYS}/{revoked['api_key_id']}")
    world.admin(f"POST {KEYS}/{rotated['api_key_id']}/rotate", {"overlap_hours": 0})
    for key in (revoked, rotated):
        context = {"requestId": "request-1", "authorizer": {"api_key_id": key["api_key_id"], "secret_version": "1"}}
        event = {"httpMethod": "GET", "resource": "/partner/me", "requestContext": context}
        tape.note("GET /partner/me", None, answer("partner-api-manager", event))


def text(tape: Tape) -> str:
    """The tape as the file has it."""
    told = {"routes": dict(sorted(tape.routes.items())), "codes": dict(sorted(tape.codes.items()))}
    return json.dumps(told, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    with recorded() as played:
        EXAMPLES.write_text(text(played))

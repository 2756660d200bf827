"""A small world behind the API, the same each time: two partners, two people who signed in, and what is theirs.

The clock stands still and what is drawn at random comes from a seed, so every answer of it is the same tomorrow.
"""

import json
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import boto3
import pytest
from moto import mock_aws

from cdk_stack.constructs.gateway_responses import ANSWERS
from cdk_stack.environment import environment
from cdk_stack.routes import Auth, Route
from quantleap.domain.execution import Report
from quantleap.domain.ids import user_of_sign_in
from quantleap.domain.partner import Environment, Tenant
from quantleap.runtime import wiring
from sandbox.platform.templates import FREE, IRON_CONDOR, LONG_STRADDLE, PAID
from tests.builders import Clock, a_plan, a_ticket
from tests.conftest import POOL_CLIENT, TABLE, TIMER_ARN, dev_stage, forget, schema
from tests.integration.gateway import Answer, Gateway, find
from tests.integration.promised import hold

MANY = {"requests_per_minute": 6000, "requests_per_day": 10_000_000}
RETURN_TO = "https://portal.example.com/algo/callback"
KEY = {
    "partner_id": "zebu",
    "partner_name": "Zebu Share and Wealth",
    "broker_id": "zebu",
    "environment": "test",
    "redirect_urls": [RETURN_TO],
    "rate_limits": MANY,
}
EMAIL = "asha@example.com"
CLIENT = "ZEBU123"
SECRETS = {"api_key": "the app's key", "api_secret": "the app's secret"}
ACCOUNT = {"broker_name": "zebu", "client_id": CLIENT, **SECRETS}


class FrontDoor(Gateway):
    """The API as it is from outside: whom an authorizer does not let in, the gateway turns away in its own words."""

    def __call__(self, line: str, body: object = None, **more: Any) -> Answer:
        route = find(*line.partition("?")[0].split())[0]
        if route.auth in {Auth.USER, Auth.ADMIN} and not self.claims:
            return self._turned_away(route)
        try:
            return super().__call__(line, body, **more)
        except Exception as refusal:
            if str(refusal) != "Unauthorized":
                raise
        return self._turned_away(route)

    def _turned_away(self, route: Route) -> Answer:
        status, code, error, message, _ = next(each for each in ANSWERS if each.status == 401)
        said = {"statusCode": status, "error": error, "message": message, "code": code, "request_id": "request-1"}
        told = {"X-Request-Id": "request-1", "WWW-Authenticate": "Bearer"}
        hold(f"{route.method} {route.path}", status, told, said)
        return Answer(status, told, said)


class World(NamedTuple):
    """Who asks, and the names of what there is, by the part of the path that names it."""

    admin: Gateway
    partner: Gateway
    user: Gateway
    template_id: str
    of_partner: Mapping[str, str]
    of_user: Mapping[str, str]


def stand_still(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that stands, and chances that are the same each time."""
    clock, chance = Clock(), random.Random(20261123)
    monkeypatch.setattr(wiring, "clock", clock)
    monkeypatch.setattr(wiring, "draw", lambda alphabet, length: "".join(chance.choices(alphabet, k=length)))
    return clock


def a_timer() -> None:
    """The state machine, which starts and does nothing."""
    boto3.client("stepfunctions").create_state_machine(
        name=TIMER_ARN.rpartition(":")[2],
        definition=json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}),
        roleArn="arn:aws:iam::123456789012:role/timer",
    )


def a_template(admin: Gateway, basket: Mapping[str, Any] = IRON_CONDOR) -> str:
    """A template on the marketplace."""
    template_id: str = admin("POST /options/baskets", basket).body["basket_id"]
    pricing = FREE if basket is LONG_STRADDLE else PAID
    admin(f"POST /admin/marketplace/templates/{template_id}", {"pricing": pricing, "tags": ["NIFTY"]})
    return template_id


def a_key(admin: Gateway, **changes: object) -> Mapping[str, Any]:
    """A partner's key as it was issued, with its secret."""
    issued: Mapping[str, Any] = admin("POST /admin/partner-api-keys", {**KEY, **changes}).body
    return issued


def headers(key: Mapping[str, Any]) -> dict[str, str]:
    """What a partner signs a request with."""
    return {"Authorization": f"Bearer {key['api_key']}", "X-Partner-Secret": key["api_secret"]}


def claims(subject: str, *, group: str | None = None) -> dict[str, str]:
    """What the id token of a sign-in says."""
    return {
        "sub": subject,
        "token_use": "id",
        "aud": POOL_CLIENT,
        "email_verified": "true",
        "email": f"{subject}@example.com",
        **({"cognito:groups": group} if group else {}),
    }


@contextmanager
def a_stage() -> Iterator[None]:
    """The functions of stage `dev` at a table in memory, for as many tests as share it."""
    with mock_aws(), pytest.MonkeyPatch.context() as monkeypatch:
        boto3.client("dynamodb").create_table(**schema())
        told = environment(dev_stage(), table=TABLE, plans="plans", client=POOL_CLIENT) | {
            "PRECISION_TIMER_ARN": TIMER_ARN
        }
        for name, value in told.items():
            monkeypatch.setenv(name, value)
        forget()
        stand_still(monkeypatch)
        yield
        forget()


def build(kind: type[Gateway] = FrontDoor) -> World:
    """The world, made through the API itself; only what became of orders is written as the engine does."""
    a_timer()
    admin = kind(claims=claims("admin-1", group="Admins"))
    template_id = a_template(admin)
    key = a_key(admin)
    partner, user = kind(headers(key)), kind(claims=claims("meera"))
    return World(
        admin,
        partner,
        user,
        template_id,
        {**_followed_by_partner(partner, template_id), "api_key_id": key["api_key_id"], "template_id": template_id},
        {**_followed_by_user(user, template_id), "template_id": template_id},
    )


def _followed_by_partner(partner: Gateway, template_id: str) -> Mapping[str, str]:
    linked = partner("POST /partner/broker-accounts", {"user_email": EMAIL, "user_name": "Asha Rao", **ACCOUNT}).body
    wanted = {"user_email": EMAIL, "template_id": template_id, "broker_client_id": CLIENT}
    made = partner("POST /partner/marketplace/subscribe", {**wanted, "lot_multiplier": 2}).body
    fired = partner("POST /partner/sandbox/executions", {"template_id": template_id}).body
    user_id = linked["broker_account"]["user_id"]
    trade("zebu", fired["run_id"], user_id, made)
    return {
        "client_id": CLIENT,
        "subscription_id": made["subscription_id"],
        "run_id": fired["run_id"],
        "user_id": user_id,
    }


def _followed_by_user(user: Gateway, template_id: str) -> Mapping[str, str]:
    own = {**ACCOUNT, "client_id": "MEERA1"}
    user("POST /user/broker-accounts", own)
    made = user(f"POST /marketplace/subscribe/{template_id}", {"broker_client_id": "MEERA1"}).body
    return {
        "client_id": "MEERA1",
        "subscription_id": made["subscription_id"],
        "user_id": user_of_sign_in("meera"),
    }


def trade(partner_id: str, run_id: str, user_id: str, subscription: Mapping[str, Any]) -> None:
    """What the engine writes of a run: one order that was filled."""
    tenant = Tenant(partner_id, Environment.TEST)
    due, runs = wiring.tenant_runs().get(tenant, run_id).due, wiring.runs()
    runs.adopt_plan(a_plan().model_copy(update={"due": due, "tenants": {tenant.key: (0,)}}))
    shares = {name: subscription["broker_allocation"][name] for name in ("client_id", "broker_id", "allocation_id")}
    whose = {"tenant": tenant.key, "user_id": user_id, "subscription_id": subscription["subscription_id"]}
    runs.write_tickets([a_ticket(run_id=run_id, **whose, **shares)])
    runs.close(run_id, Report(), ())

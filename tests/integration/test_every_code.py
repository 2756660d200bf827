"""Every code of the table is the answer to something: each is brought about here, most as a client would."""

import json
from collections.abc import Callable
from typing import Any, NoReturn

import pytest
from botocore.exceptions import EndpointConnectionError

from cdk_stack.constructs.gateway_responses import ANSWERS
from quantleap.adapters.patience import Patience
from quantleap.adapters.table import Table, _Contended
from quantleap.adapters.vault import SecretsManagerVault
from quantleap.domain.account import AccountStatus
from quantleap.domain.broker import NotSent
from quantleap.domain.codes import CODES
from quantleap.domain.errors import LoginExpired
from quantleap.domain.sessions import TradingCalendar
from quantleap.runtime import wiring
from quantleap.runtime.api import Api, Ask, Reply
from quantleap.runtime.ask import LARGEST_BODY
from quantleap.services import marketplace
from tests.builders import NINE_TWENTY, Clock, early_closing
from tests.integration.gateway import Answer, Gateway, Remembering, as_admin
from tests.integration.test_api import ACCOUNT, BASKET, OFFER, USER, Login, log_in, new_partner

ME = "GET /partner/me"
SUBSCRIBE = "POST /partner/marketplace/subscribe"
OTHER = {"user_email": "other@example.com"}


type Case = Callable[["World"], Answer]

CASES: dict[str, Case] = {}
"""What brings a code about, by the code."""


def case(brings_about: Case) -> Case:
    """Note a function under the code that it is named by."""
    CASES[brings_about.__name__] = brings_about
    return brings_about


class World:
    """A marketplace in which things go wrong; everything is made when it is first asked for."""

    def __init__(self, broker: Login, monkeypatch: pytest.MonkeyPatch) -> None:
        self.broker = broker
        self.patch = monkeypatch
        self.clock = Clock()
        self.patch.setattr(wiring, "clock", self.clock)
        self.admin = as_admin()

    def partner(self, **changes: Any) -> Remembering:
        return Remembering(new_partner(self.admin, **changes).headers)

    def linked(self) -> Remembering:
        """A partner whose user has an account."""
        partner = self.partner()
        partner("POST /partner/broker-accounts", ACCOUNT)
        return partner

    def basket(self, **changes: Any) -> str:
        basket_id: str = self.admin("POST /options/baskets", {**BASKET, **changes}).body["basket_id"]
        return basket_id

    def template(self) -> str:
        basket_id = self.basket()
        self.offer(basket_id)
        return basket_id

    def offer(self, basket_id: str) -> Answer:
        return self.admin(f"POST /admin/marketplace/templates/{basket_id}", OFFER)

    def withdraw(self, basket_id: str) -> Answer:
        return self.admin(f"DELETE /admin/marketplace/templates/{basket_id}")

    def subscribe(self, partner: Gateway, template: str) -> Answer:
        return partner(SUBSCRIBE, {**USER, "broker_client_id": "ZEBU123", "template_id": template})

    def subscribed(self) -> tuple[Remembering, str, str]:
        """A partner, a template and the subscription of the partner's user."""
        partner, template = self.linked(), self.template()
        return partner, template, self.subscribe(partner, template).body["subscription_id"]

    def approve(self, basket_id: str, number: int) -> Answer:
        line = f"POST /options/baskets/{basket_id}/versions/{number}/approve"
        return self.admin(line, {"algo_ids": {"zebu": "ALGO1"}})

    def meanwhile(self, where: object, name: str, happens: Callable[[], object]) -> None:
        """Let something happen right before a store's method does its work, once."""
        method = getattr(where, name)

        def overtaken(*given: Any, **named: Any) -> Any:
            self.patch.setattr(where, name, method)
            happens()
            return method(*given, **named)

        self.patch.setattr(where, name, overtaken)

    def key_id(self, partner: Gateway) -> str:
        key_id: str = partner(ME).body["api_key_id"]
        return key_id


@pytest.fixture
def world(deployed: object, monkeypatch: pytest.MonkeyPatch) -> World:
    broker = Login()
    monkeypatch.setattr(wiring, "http", lambda: broker)
    return World(broker, monkeypatch)


@case
def invalid_request(world: World) -> Answer:
    return world.partner()(SUBSCRIBE, {})


@case
def broker_account_missing(world: World) -> Answer:
    return world.subscribe(world.partner(), world.template())


@case
def broker_login_refused(world: World) -> Answer:
    world.broker.refusal = "Invalid checksum"
    return log_in(world.linked())


@case
def oauth_state_invalid(world: World) -> Answer:
    return log_in(world.linked(), state="made up")


@case
def redirect_url_not_registered(world: World) -> Answer:
    begin = "POST /partner/broker-accounts/ZEBU123/oauth/initiate"
    return world.linked()(begin, {**USER, "redirect_url": "https://elsewhere.example/back"})


@case
def invalid_credentials(world: World) -> Answer:
    stranger = Remembering()
    stranger.remembered = {"api_key_id": "key_nobodys"}
    return stranger(ME)


@case
def key_revoked(world: World) -> Answer:
    partner = world.partner()
    world.admin(f"DELETE /admin/partner-api-keys/{world.key_id(partner)}")
    return partner(ME)


@case
def key_expired(world: World) -> Answer:
    partner = world.partner(expires_at="2026-11-24T00:00:00Z")
    partner(ME)
    world.clock.passes(days=1)
    return partner(ME)


@case
def secret_rotated(world: World) -> Answer:
    partner = world.partner()
    world.admin(f"POST /admin/partner-api-keys/{world.key_id(partner)}/rotate", {"overlap_hours": 0})
    return partner(ME)


@case
def oauth_token_expired(world: World) -> Answer:
    """No route needs today's login yet; the doorway knows what to say once one does."""
    api = Api()

    @api.public(ME)
    def positions(ask: Ask) -> Reply:
        raise LoginExpired("User must complete daily OAuth login", expired_at=NINE_TWENTY)

    said = api.answer({"httpMethod": "GET", "resource": "/partner/me"})
    return Answer(said["statusCode"], said["headers"], json.loads(said["body"]))


@case
def permission_denied(world: World) -> Answer:
    return world.partner(permissions=["marketplace:read"])(SUBSCRIBE, {})


@case
def ip_not_allowed(world: World) -> Answer:
    return world.partner(allowed_ips=["203.0.113.10"])(ME)


@case
def id_token_required(world: World) -> Answer:
    return as_admin(kind="access")("GET /options/baskets")


@case
def admins_only(world: World) -> Answer:
    return as_admin(groups="Traders")("GET /options/baskets")


@case
def sandbox_only(world: World) -> Answer:
    return world.partner(environment="live")("POST /partner/sandbox/executions", {"template_id": world.template()})


@case
def not_found(world: World) -> Answer:
    return world.partner()("GET /partner/subscriptions/sub_none")


@case
def method_not_allowed(world: World) -> Answer:
    return world.partner()("DELETE /partner/me")


@case
def payload_too_large(world: World) -> Answer:
    return world.partner()("POST /partner/marketplace/subscribe", {"user_name": "x" * LARGEST_BODY})


@case
def conflict(world: World) -> Answer:
    line = f"PUT /options/baskets/{world.basket()}"
    world.meanwhile(wiring.baskets(), "save", lambda: world.admin(line, {"stop_loss": 20}))
    return world.admin(line, {"stop_loss": 15})


@case
def invalid_state(world: World) -> Answer:
    partner, _, name = world.subscribed()
    world.clock.passes(seconds=1)
    return partner(f"PUT /partner/subscriptions/{name}/resume")


@case
def already_subscribed(world: World) -> Answer:
    partner, template, _ = world.subscribed()
    return world.subscribe(partner, template)


@case
def template_withdrawn(world: World) -> Answer:
    template = world.template()
    world.meanwhile(wiring.subscriptions(), "add", lambda: world.withdraw(template))
    return world.subscribe(world.linked(), template)


@case
def exit_after_square_off(world: World) -> Answer:
    world.patch.setattr(wiring, "calendar", early_closing)
    return world.subscribe(world.linked(), world.template())


@case
def market_data_in_use(world: World) -> Answer:
    world.template()
    world.patch.setattr(wiring, "calendar_of", TradingCalendar)
    world.clock.passes(minutes=-10)
    row = {"index": "NIFTY", "effective_from": "2026-11-23", "lot_size": 60, "source": "NSE/FAOP/80001"}
    return world.admin("PUT /admin/market-data/lot-sizes", {"version": 0, "rows": [row]})


@case
def broker_account_disabled(world: World) -> Answer:
    partner = world.linked()
    (listed,) = partner("GET /partner/broker-accounts").body["broker_accounts"]
    account = wiring.accounts().get(listed["user_id"], "ZEBU123")
    disabled = {"account_status": AccountStatus.DISABLED, "version": account.version + 1}
    wiring.accounts().save(account.model_copy(update=disabled))
    return world.subscribe(partner, world.template())


@case
def broker_account_in_use(world: World) -> Answer:
    return world.subscribed()[0]("DELETE /partner/broker-accounts/ZEBU123")


@case
def client_id_taken(world: World) -> Answer:
    return world.linked()("POST /partner/broker-accounts", {**ACCOUNT, **OTHER})


@case
def version_not_approved(world: World) -> Answer:
    return world.offer(world.basket(policy="registered"))


@case
def version_approved(world: World) -> Answer:
    basket = world.basket(policy="registered")
    world.approve(basket, 1)
    return world.approve(basket, 1)


@case
def version_superseded(world: World) -> Answer:
    basket = world.basket(policy="registered")
    world.admin(f"PUT /options/baskets/{basket}", {"stop_loss": 15})
    world.approve(basket, 2)
    return world.approve(basket, 1)


@case
def template_offered(world: World) -> Answer:
    return world.admin(f"DELETE /options/baskets/{world.template()}")


@case
def still_closing(world: World) -> Answer:
    template = world.subscribed()[1]
    world.patch.setattr(marketplace, "CLOSED_AT_ONCE", 0)
    world.withdraw(template)
    return world.offer(template)


@case
def nothing_to_close(world: World) -> Answer:
    return world.partner()("POST /partner/sandbox/executions", {"template_id": world.template(), "kind": "exit"})


@case
def idempotency_in_progress(world: World) -> Answer:
    partner, template = world.linked(), world.template()
    partner.headers["Idempotency-Key"] = "one"
    second: list[Answer] = []
    world.meanwhile(wiring.subscriptions(), "add", lambda: second.append(world.subscribe(partner, template)))
    world.subscribe(partner, template)
    return second[0]


@case
def idempotency_key_reused(world: World) -> Answer:
    partner, template, _ = world.subscribed()
    partner.headers["Idempotency-Key"] = "one"
    other = world.template()
    world.subscribe(partner, other)
    return world.subscribe(partner, template)


@case
def rate_limited(world: World) -> Answer:
    partner = world.partner(rate_limits={"requests_per_minute": 1})
    partner(ME)
    return partner(ME)


@case
def daily_quota_exceeded(world: World) -> Answer:
    partner = world.partner(rate_limits={"requests_per_day": 1})
    partner(ME)
    return partner(ME)


@case
def internal_error(world: World) -> Answer:
    def fault() -> NoReturn:
        raise RuntimeError("a fault of ours")

    world.patch.setattr(wiring, "baskets", fault)
    return Gateway()("GET /marketplace/templates")


@case
def service_unavailable(world: World) -> Answer:
    def always_others(table: Table, actions: object) -> NoReturn:
        raise _Contended

    partner, template = world.linked(), world.template()
    world.patch.setattr("tenacity.nap.time.sleep", lambda seconds: None)
    world.patch.setattr(Table, "_transact_once", always_others)
    return world.subscribe(partner, template)


@case
def rate_counter_unavailable(world: World) -> Answer:
    def unanswered(*given: object, **named: object) -> NoReturn:
        raise EndpointConnectionError(endpoint_url="https://dynamodb")

    partner = world.partner()
    world.patch.setattr(wiring.table(), "update", unanswered)
    return partner(SUBSCRIBE, {})


@case
def broker_unavailable(world: World) -> Answer:
    def unanswered(*given: object, **named: object) -> NoReturn:
        raise NotSent("connection refused")

    partner = world.linked()
    world.patch.setattr(world.broker, "send", unanswered)
    return log_in(partner)


@case
def vault_unavailable(world: World) -> Answer:
    def unanswered(**named: object) -> NoReturn:
        raise EndpointConnectionError(endpoint_url="https://secretsmanager")

    partner, client = world.partner(), wiring.secretsmanager()
    client.meta.events.register_first("before-send", unanswered)
    impatient = SecretsManagerVault(client, "prefix", Patience(lambda seconds: None))
    world.patch.setattr(wiring, "vault", lambda: impatient)
    return partner("POST /partner/broker-accounts", ACCOUNT)


def by_the_gateway(code: str) -> Case:
    """What the stack has the gateway answer by itself; that it does is tested with the stack."""
    (said,) = (each for each in ANSWERS if each.code == code)
    return lambda world: Answer(said.status, {}, {"statusCode": said.status, "code": said.code})


CASES.update({code: by_the_gateway(code) for code in ("unsupported_media_type", "timeout")})


@pytest.mark.parametrize("code", CODES)
def test_a_code_is_answered_with_its_status(world: World, code: str) -> None:
    said = CASES[code](world)

    assert (said.status, said.body["code"]) == (CODES[code].status, code)
    assert said.body["statusCode"] == said.status


def test_nothing_is_brought_about_that_the_table_does_not_have() -> None:
    assert CASES.keys() == CODES.keys()

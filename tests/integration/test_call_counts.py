"""What each busy route costs in calls to AWS, authentication included: no read or write comes in unnoticed."""

from collections import Counter
from collections.abc import Mapping

import pytest

from quantleap.runtime import wiring
from tests.calls import Calls
from tests.integration.gateway import Gateway, Remembering, as_admin, as_user
from tests.integration.test_api import ACCOUNT, BASKET, OFFER, USER, new_partner

AUTHENTICATION = Counter({"GetItem": 1, "UpdateItem": 1})
"""The key's record, read anew, and the count of its requests."""


class Metered(Remembering):
    """Counts what its requests cost."""

    def calls(self, line: str, body: object = None) -> Counter[str]:
        """What a request that is carried out costs."""
        with Calls(wiring.dynamodb()) as calls:
            said = self(line, body)
        assert said.status < 300, said.body
        return calls.made


class Market:
    """Two templates on offer; a partner's user and somebody who signed in follow the first."""

    def __init__(self) -> None:
        admin = as_admin()
        self.followed, self.other = (self._offered(admin) for _ in range(2))
        self.partner = Metered(new_partner(admin).headers)
        self.partner("POST /partner/broker-accounts", ACCOUNT)
        self.wanted = {**USER, "broker_client_id": "ZEBU123"}
        subscribed = self.partner("POST /partner/marketplace/subscribe", {**self.wanted, "template_id": self.followed})
        self.name = subscribed.body["subscription_id"]
        self.user = Metered(claims=as_user().claims)
        self.user("POST /user/broker-accounts", {name: value for name, value in ACCOUNT.items() if name not in USER})
        subscribed = self.user(f"POST /marketplace/subscribe/{self.followed}", {"broker_client_id": "ZEBU123"})
        self.own = subscribed.body["subscription_id"]

    @staticmethod
    def _offered(admin: Gateway) -> str:
        basket_id: str = admin("POST /options/baskets", BASKET).body["basket_id"]
        admin(f"POST /admin/marketplace/templates/{basket_id}", OFFER)
        return basket_id


@pytest.fixture
def market(deployed: object) -> Market:
    return Market()


@pytest.mark.parametrize(
    ("line", "body", "costs"),
    [
        ("GET /partner/me", None, {}),
        ("GET /partner/marketplace/templates", None, {"Query": 1}),
        ("GET /partner/marketplace/templates/{followed}", None, {"GetItem": 1}),
        ("GET /partner/subscriptions", None, {"Query": 1}),
        ("GET /partner/subscriptions?template_id={followed}", None, {"Query": 1}),
        ("PUT /partner/subscriptions/{name}/pause", None, {"UpdateItem": 1}),
        ("POST /partner/marketplace/subscribe", "wanted", {"BatchGetItem": 1, "GetItem": 1, "TransactWriteItems": 1}),
        # A subscription's id names its template, so both are read together.
        ("GET /partner/subscriptions/{name}", None, {"BatchGetItem": 1}),
        ("GET /partner/subscriptions?user_email=user@example.com", None, {"GetItem": 1, "Query": 1}),
        # Rules decide between reading and writing.
        ("DELETE /partner/subscriptions/{name}", None, {"GetItem": 1, "TransactWriteItems": 1}),
        (
            "PATCH /partner/subscriptions/{name}",
            {"lot_multiplier": 2},
            {"BatchGetItem": 1, "TransactWriteItems": 1},
        ),
        ("GET /partner/broker-accounts/ZEBU123", None, {"GetItem": 2}),
        ("GET /partner/executions", None, {"Query": 1}),
        ("POST /partner/deep-links", USER, {"GetItem": 1, "PutItem": 1}),
    ],
)
def test_a_partners_request_costs_what_the_design_allows(
    market: Market, line: str, body: object, costs: Mapping[str, int]
) -> None:
    asked = {**market.wanted, "template_id": market.other} if body == "wanted" else body

    made = market.partner.calls(line.format(**vars(market)), asked)

    assert made == AUTHENTICATION + Counter(costs)


def test_resuming_costs_what_pausing_does(market: Market) -> None:
    market.partner(f"PUT /partner/subscriptions/{market.name}/pause")

    made = market.partner.calls(f"PUT /partner/subscriptions/{market.name}/resume")

    assert made == AUTHENTICATION + Counter({"UpdateItem": 1})


@pytest.mark.parametrize(
    ("line", "body", "costs"),
    [
        ("GET /marketplace/templates", None, {"Query": 1}),
        ("GET /marketplace/templates/{followed}", None, {"GetItem": 1}),
        ("GET /user/subscriptions", None, {"Query": 1}),
        ("GET /user/subscriptions/{own}", None, {"BatchGetItem": 1}),
        ("PUT /user/subscriptions/{own}/pause", None, {"UpdateItem": 1}),
        ("GET /user/executions", None, {"Query": 1}),
        (
            "POST /marketplace/subscribe/{other}",
            {"broker_client_id": "ZEBU123"},
            {"GetItem": 2, "TransactWriteItems": 1},
        ),
    ],
)
def test_whoever_signed_in_costs_nothing_to_know(
    market: Market, line: str, body: object, costs: Mapping[str, int]
) -> None:
    assert market.user.calls(line.format(**vars(market)), body) == costs


def test_a_request_with_an_idempotency_key_costs_two_writes_more(market: Market) -> None:
    market.partner.headers["Idempotency-Key"] = "one"
    wanted = {**market.wanted, "template_id": market.other}

    first = market.partner.calls("POST /partner/marketplace/subscribe", wanted)
    again = market.partner.calls("POST /partner/marketplace/subscribe", wanted)

    assert first - AUTHENTICATION == {
        "PutItem": 1,
        "BatchGetItem": 1,
        "GetItem": 1,
        "TransactWriteItems": 1,
        "UpdateItem": 1,
    }
    assert again - AUTHENTICATION == {"PutItem": 1}


def test_the_authorizer_reads_one_key(market: Market) -> None:
    with Calls(wiring.dynamodb()) as calls:
        Gateway(market.partner.headers)("GET /partner/me")

    assert calls.made == AUTHENTICATION + Counter({"GetItem": 1})

"""One journey with the client that openapi-python-client made: `python journey.py URL KEY SECRET SIGN_IN`.

Run by the interpreter of `.clients`, beside the package `quantleap_client`; each step states what it rests on.
"""

import sys
from typing import Any

from quantleap_client import AuthenticatedClient
from quantleap_client.api.admin_baskets import create_basket
from quantleap_client.api.partner_broker_accounts import link_broker_account
from quantleap_client.api.partner_marketplace import browse_templates
from quantleap_client.api.partner_subscriptions import change_subscription, get_subscription, subscribe
from quantleap_client.models import (
    AtmStrike,
    ChangedSubscription,
    Index,
    Leg,
    LinkedAccount,
    MadeBasket,
    NewBasket,
    NewBrokerAccount,
    NewSubscription,
    OneSubscription,
    Right,
    Shelf,
    Side,
    Strategy,
    Subscribed,
    SubscribeResponse409,
    SubscriptionChange,
)

EMAIL, CLIENT = "ravi@example.com", "ZEBU777"


def journey(partner: AuthenticatedClient, administrator: AuthenticatedClient) -> None:
    """A partner's user follows a template and changes the lots; an administrator drafts another basket."""
    shelf = _a(Shelf, browse_templates.sync(client=partner))
    account = NewBrokerAccount(
        user_email=EMAIL, broker_name="zebu", client_id=CLIENT, api_key="the app's key", api_secret="the app's secret"
    )
    _a(LinkedAccount, link_broker_account.sync(client=partner, body=account))
    wanted = NewSubscription(user_email=EMAIL, template_id=shelf.templates[0].template_id, broker_client_id=CLIENT)
    made = _a(Subscribed, subscribe.sync(client=partner, body=wanted))
    again = _a(SubscribeResponse409, subscribe.sync(client=partner, body=wanted))
    assert again.existing_subscription_id == made.subscription_id

    change = SubscriptionChange(lot_multiplier=3)
    assert change.to_dict() == {"lot_multiplier": 3}, "only what is changed is sent"
    _a(ChangedSubscription, change_subscription.sync(made.subscription_id, client=partner, body=change))
    read = _a(OneSubscription, get_subscription.sync(made.subscription_id, client=partner))
    assert read.subscription.broker_allocation.lot_multiplier == 3

    drafted = _a(MadeBasket, create_basket.sync(client=administrator, body=_basket()))
    assert drafted.basket_id


def _basket() -> NewBasket:
    legs = [
        Leg(side=Side.SELL, right=Right.CE, strike=AtmStrike(rule="ATM", offset=4)),
        Leg(side=Side.BUY, right=Right.CE, strike=AtmStrike(rule="ATM", offset=8)),
    ]
    strategy = Strategy(index=Index.NIFTY, entry_time="09:20", exit_time="15:20", legs=legs)
    return NewBasket(name="Bear call spread", category="INCOME", strategies=[strategy])


def _a(kind: Any, answer: Any) -> Any:
    """The answer, which is of that kind."""
    assert isinstance(answer, kind), answer
    return answer


def _client(url: str, token: str, **headers: str) -> AuthenticatedClient:
    return AuthenticatedClient(base_url=url, token=token, headers=headers, httpx_args={"trust_env": False})


if __name__ == "__main__":
    url, key, secret, sign_in = sys.argv[1:]
    journey(_client(url, key, **{"X-Partner-Secret": secret}), _client(url, sign_in))

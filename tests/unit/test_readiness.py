from datetime import timedelta
from typing import Any

import pytest

from quantleap.domain.account import AccountStatus
from quantleap.domain.subscription import Action, ReadinessFilter, Share, SubscriptionChange
from quantleap.services import subscriptions
from quantleap.services.readiness import Readiness, readiness
from tests.builders import ASHA, NINE_TWENTY, OTHERS, ZEBU, Clock, a_subscription, an_account, counting
from tests.fakes import Stores, a_market, in_memory
from tests.unit.test_halts import a_halt

NAME = a_subscription().subscription_id


@pytest.fixture
def market() -> Stores:
    stores = a_market(in_memory())
    stores.subscriptions.add(a_subscription())
    return stores


def judged(market: Stores, tenant: Any = ZEBU, **wanted: Any) -> Readiness:
    stores = market.subscriptions, market.accounts, market.baskets, market.halts
    return readiness(*stores, Clock(), tenant, ReadinessFilter(**wanted))


def account_is(market: Stores, **changes: Any) -> None:
    account = market.accounts.get(ASHA, "ZEBU123")
    market.accounts.save(account.model_copy(update={**changes, "version": account.version + 1}))


def test_one_who_logged_in_is_ready_until_the_token_dies(market: Stores) -> None:
    account_is(market, token_expires_at=NINE_TWENTY + timedelta(hours=6))

    now, evening = judged(market), judged(market, at=NINE_TWENTY + timedelta(hours=6))

    assert [each.ready for each in now.outlooks] == [True]
    assert now.reasons == {}
    assert evening.reasons == {"broker_token_expired": 1}


def test_one_who_did_not_log_in_or_may_not_trade_is_not_ready(market: Stores) -> None:
    assert judged(market).reasons == {"broker_login_missing": 1}
    account_is(market, account_status=AccountStatus.DISABLED)
    assert judged(market).reasons == {"broker_account_disabled": 1}
    market.accounts.held.clear()  # type: ignore[attr-defined]  # the fake is known here
    assert judged(market).reasons == {"broker_account_missing": 1}


def test_a_halt_or_a_withdrawn_template_stops_whoever_is_logged_in(market: Stores) -> None:
    account_is(market, token_expires_at=NINE_TWENTY + timedelta(hours=6))
    market.halts.put(a_halt("partner:zebu"))
    assert judged(market).reasons == {"halted": 1}

    was = market.baskets.get(a_subscription().template_id)
    market.baskets.save(was.withdrawn(NINE_TWENTY), was=was)

    assert judged(market).reasons == {"template_withdrawn": 1}


def test_of_several_accounts_each_is_judged_by_itself(market: Stores) -> None:
    account_is(market, token_expires_at=NINE_TWENTY + timedelta(hours=6))
    user = market.users.many([ASHA])[ASHA]
    market.accounts.add(an_account(client_id="ZEBU2"), user, new_user=False)
    split = SubscriptionChange(allocations=(Share(client_id="ZEBU123"), Share(client_id="ZEBU2")))
    ports = subscriptions.Ports(market.subscriptions, market.accounts, market.baskets, Clock(), counting())
    subscriptions.change(ports, ZEBU, NAME, split)

    (outlook,) = judged(market).outlooks

    assert outlook.reasons == {"ZEBU2": "broker_login_missing"}
    assert not outlook.ready


def test_only_active_subscriptions_of_the_tenant_are_judged(market: Stores) -> None:
    market.subscriptions.move(NAME, ZEBU, Action.PAUSE, NINE_TWENTY)

    assert judged(market).outlooks == []
    assert judged(market, tenant=OTHERS).outlooks == []

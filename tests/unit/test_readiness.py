from collections.abc import Sequence
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from quantleap.domain.account import AccountStatus
from quantleap.domain.clock import IST
from quantleap.domain.partner import Tenant
from quantleap.domain.readiness import DIES_BEFORE_EXIT as DIES
from quantleap.domain.rehearsal import AHEAD, Rehearsal
from quantleap.domain.sessions import AlwaysOpen
from quantleap.domain.subscription import Action, ReadinessFilter, Share, SubscriptionChange
from quantleap.services import subscriptions
from quantleap.services.readiness import Ports, Readiness, readiness
from tests.builders import (
    ASHA,
    NINE_TWENTY,
    OTHERS,
    RUN,
    TEMPLATE,
    ZEBU,
    Clock,
    a_subscription,
    an_account,
    counting,
    early_closing,
)
from tests.fakes import Stores, a_market, in_memory
from tests.unit.test_halts import a_halt

NAME = a_subscription().subscription_id


@pytest.fixture
def market() -> Stores:
    stores = a_market(in_memory())
    stores.subscriptions.add(a_subscription())
    return stores


class FakeRehearsals:
    """What was rehearsed, whoever asks."""

    def __init__(self, *held: Rehearsal) -> None:
        self.held = list(held)

    def put(self, rehearsal: Rehearsal) -> None:
        self.held.append(rehearsal)

    def between(self, tenant: Tenant, first: datetime, last: datetime) -> Sequence[Rehearsal]:
        return [each for each in self.held if each.tenant == tenant.key and first <= each.boundary <= last]


def judged(market: Stores, tenant: Any = ZEBU, rehearsals: Sequence[Rehearsal] = (), **wanted: Any) -> Readiness:
    stores = market.subscriptions, market.accounts, market.baskets, market.halts, FakeRehearsals(*rehearsals)
    return readiness(Ports(*stores, AlwaysOpen(), Clock()), tenant, ReadinessFilter(**wanted))


def a_rehearsal(**changes: Any) -> Rehearsal:
    usual = Rehearsal(
        run_id=RUN,
        boundary=NINE_TWENTY,
        template_id=TEMPLATE,
        template_version=1,
        tenant=ZEBU.key,
        rehearsed_at=NINE_TWENTY - AHEAD,
        subscriptions=3,
        ready=1,
        reasons={"broker_login_missing": 2},
    )
    return usual.model_copy(update=changes)


def account_is(market: Stores, **changes: Any) -> None:
    account = market.accounts.get(ASHA, "ZEBU123")
    market.accounts.save(account.model_copy(update={**changes, "version": account.version + 1}))


def test_one_who_logged_in_is_ready_until_the_token_dies(market: Stores) -> None:
    account_is(market, token_expires_at=NINE_TWENTY + timedelta(hours=6))

    now, evening = judged(market), judged(market, at=NINE_TWENTY + timedelta(hours=6))

    assert [each.ready for each in now.outlooks] == [True]
    assert now.reasons == {}
    assert evening.reasons == {"broker_token_expired": 1}


@pytest.mark.parametrize(("clock", "reason"), [("09:20", "broker_token_expired"), ("15:15", DIES), ("15:16", None)])
def test_a_token_has_to_live_until_what_is_entered_was_left_again(
    market: Stores, clock: str, reason: str | None
) -> None:
    dies = datetime.combine(NINE_TWENTY.date(), time.fromisoformat(clock), IST)
    account_is(market, token_expires_at=dies)

    assert list(judged(market).reasons) == ([reason] if reason else [])


def test_after_the_last_entry_of_the_day_only_the_moment_counts(market: Stores) -> None:
    account_is(market, token_expires_at=NINE_TWENTY + timedelta(hours=1))

    assert judged(market, at=NINE_TWENTY + timedelta(minutes=1)).reasons == {}


def test_a_venue_that_a_rehearsal_found_shut_keeps_its_accounts_from_trading(market: Stores) -> None:
    account_is(market, token_expires_at=NINE_TWENTY + timedelta(hours=6))
    shut = a_rehearsal(venues={"zebu#test": "contract_not_listed_at_broker", "zerodha#test": "x"})

    assert judged(market, rehearsals=[shut]).reasons == {"contract_not_listed_at_broker": 1}
    assert judged(market, rehearsals=[shut.model_copy(update={"template_id": "bsk_other"})]).reasons == {}


def test_what_a_broker_said_of_an_account_shows_in_its_subscription(market: Stores) -> None:
    account_is(market, token_expires_at=NINE_TWENTY + timedelta(hours=6))
    asked = a_rehearsal(accounts={f"{NAME}#ZEBU123": "margin_short", "sub_other#ZEBU123": "x"})

    (outlook,) = judged(market, rehearsals=[asked]).outlooks

    assert outlook.reasons == {"ZEBU123": "margin_short"}


def test_rehearsals_are_those_of_the_moment_or_of_the_half_hour_to_come(market: Stores) -> None:
    soon, later = (a_rehearsal(boundary=NINE_TWENTY + timedelta(minutes=m), run_id=str(m)) for m in (30, 31))

    assert judged(market, rehearsals=[soon, later]).rehearsals == [soon]
    assert judged(market, rehearsals=[soon, later], at=later.boundary).rehearsals == [later]
    assert judged(market, rehearsals=[soon, later], template_id="bsk_other").rehearsals == []


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
    ports = subscriptions.Ports(
        market.subscriptions, market.accounts, market.baskets, Clock(), counting(), AlwaysOpen()
    )
    subscriptions.change(ports, ZEBU, NAME, split)

    (outlook,) = judged(market).outlooks

    assert outlook.reasons == {"ZEBU2": "broker_login_missing"}
    assert not outlook.ready


def test_only_active_subscriptions_of_the_tenant_are_judged(market: Stores) -> None:
    market.subscriptions.move(NAME, ZEBU, Action.PAUSE, NINE_TWENTY)

    assert judged(market).outlooks == []
    assert judged(market, tenant=OTHERS).outlooks == []


def test_who_is_too_large_for_the_template_by_now_reads_it_beforehand(market: Stores) -> None:
    was = market.baskets.get(TEMPLATE)
    market.baskets.save(was.model_copy(update={"max_lots": 1, "version": was.version + 1}), was=was)
    two = (a_subscription().allocations[0].model_copy(update={"lot_multiplier": Decimal(2)}),)
    held = market.subscriptions.get(NAME)
    market.subscriptions.split(held.split(two, NINE_TWENTY), was=held)

    assert judged(market).reasons == {"lots_above_template_limit": 1}


@pytest.mark.parametrize(
    ("hour", "at", "reason"),
    [
        (time(15, 15), "09:20", "exit_after_square_off"),
        (time(15, 16), "09:20", None),
        (time(15, 15), "09:21", None),
    ],
)
def test_a_broker_that_closes_intraday_positions_first_shows(
    market: Stores, hour: time, at: str, reason: str | None
) -> None:
    account_is(market, token_expires_at=NINE_TWENTY + timedelta(hours=8))
    stores = market.subscriptions, market.accounts, market.baskets, market.halts, FakeRehearsals()
    moment = datetime.combine(NINE_TWENTY.date(), time.fromisoformat(at), IST)

    found = readiness(Ports(*stores, early_closing(hour), Clock()), ZEBU, ReadinessFilter(at=moment))

    assert found.reasons == ({} if reason is None else {reason: 1})

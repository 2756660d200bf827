"""Builders of the usual case: a test names only what it is about."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from quantleap.domain.account import BrokerAccount, NewBrokerAccount, User
from quantleap.domain.basket import Basket, Leg, MarketplaceConfig, Pricing, PricingType, Strategy
from quantleap.domain.contracts import Contract, Index, Right
from quantleap.domain.execution import Due, Intent, Kind, Plan, State, Ticket
from quantleap.domain.ids import PLATFORM_OWNER
from quantleap.domain.market_data import SquareOffHour
from quantleap.domain.partner import Environment, PartnerKey, RevenueShare, Tenant
from quantleap.domain.sessions import TradingCalendar
from quantleap.domain.shipped import SHIPPED
from quantleap.domain.strikes import AtmStrike
from quantleap.domain.subscription import (
    Allocation,
    Attribution,
    Subscription,
    next_billing_date,
)
from quantleap.domain.trading import Product, Side

NINE_TWENTY = datetime(2026, 11, 23, 3, 50, tzinfo=UTC)
"""09:20 on a Monday, IST."""
ZEBU = Tenant("zebu", Environment.TEST)
OTHERS = Tenant("acme", Environment.TEST)
ASHA = "usr_0000000000000000asha"
ASHAS_MAIL = "asha@example.com"
RETURN_TO = "https://portal.example/back"
"""Where logins through the usual key may return to."""

TEMPLATE = "bsk_condor0000000000"


class Clock:
    """Stands still until it is told otherwise."""

    def __init__(self, now: datetime = NINE_TWENTY) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def passes(self, **time: float) -> None:
        self.now += timedelta(**time)


def counting() -> Callable[[str, int], str]:
    """Draws 000...1, 000...2, and so on, in the digits every alphabet of ours has."""
    numbers = count(1)
    return lambda _alphabet, length: str(next(numbers)).zfill(length)


def a_strategy(**changes: Any) -> Strategy:
    def leg(side: Side, right: Right, offset: int) -> Leg:
        return Leg(side=side, right=right, strike=AtmStrike(offset=offset))

    usual = Strategy(
        index=Index.NIFTY,
        entry_time=time(9, 20),
        exit_time=time(15, 15),
        legs=(
            leg(Side.SELL, Right.CE, 4),
            leg(Side.SELL, Right.PE, -4),
            leg(Side.BUY, Right.CE, 8),
            leg(Side.BUY, Right.PE, -8),
        ),
    )
    return Strategy.model_validate({**dict(usual), **changes})


def a_basket(**changes: Any) -> Basket:
    usual = Basket(
        name="Iron Condor Weekly",
        category="INCOME",
        strategies=(a_strategy(),),
        basket_id=TEMPLATE,
        template_owner_id=PLATFORM_OWNER,
        created_by="admin",
        created_at=NINE_TWENTY,
        updated_at=NINE_TWENTY,
    )
    return Basket.model_validate({**dict(usual), **changes})


def paid(fee: str = "999") -> Pricing:
    return Pricing(type=PricingType.PAID, monthly_fee=Decimal(fee))


def a_template(**changes: Any) -> Basket:
    return a_basket(**{"marketplace": MarketplaceConfig(pricing=paid()), **changes})


def a_key(**changes: Any) -> PartnerKey:
    usual = PartnerKey(
        partner_id="zebu",
        partner_name="Zebu Securities",
        broker_id="zebu",
        revenue_share=RevenueShare(),
        api_key_id="key_zebu",
        api_key="pk_zebu_test_" + "k" * 32,
        secret_hash="hash of sk_zebu_test_" + "s" * 48,
        redirect_urls=(RETURN_TO,),
        created_by="admin",
        created_at=NINE_TWENTY,
    )
    return PartnerKey.model_validate({**dict(usual), **changes})


def a_user(**changes: Any) -> User:
    usual = User(user_id=ASHA, tenant=ZEBU.key, email=ASHAS_MAIL, created_at=NINE_TWENTY)
    return User.model_validate({**dict(usual), **changes})


def an_account(**changes: Any) -> BrokerAccount:
    usual = BrokerAccount(
        user_id=ASHA,
        tenant=ZEBU.key,
        client_id="ZEBU123",
        broker_id="zebu",
        environment=Environment.TEST,
        created_at=NINE_TWENTY,
    )
    return BrokerAccount.model_validate({**dict(usual), **changes})


def a_new_account(**changes: Any) -> NewBrokerAccount:
    fields = {
        "user_email": ASHAS_MAIL,
        "broker_name": "zebu",
        "client_id": "ZEBU123",
        "api_key": "app",
        "api_secret": "app secret",
    }
    return NewBrokerAccount.model_validate({**fields, **changes})


def a_subscription(number: int = 1, **changes: Any) -> Subscription:
    user_id, template_id = str(changes.get("user_id", ASHA)), str(changes.get("template_id", TEMPLATE))
    usual = Subscription(
        subscription_id=f"sub_{user_id.removeprefix('usr_')}{template_id.removeprefix('bsk_')}{number:08}",
        user_id=ASHA,
        user_email=ASHAS_MAIL,
        tenant=ZEBU.key,
        template_id=TEMPLATE,
        template_owner_id=PLATFORM_OWNER,
        allocations=(Allocation(allocation_id=f"alloc_{number:016}", broker_id="zebu", client_id="ZEBU123"),),
        pricing=paid(),
        attribution=Attribution(
            partner_id="zebu",
            partner_api_key_id="key_zebu",
            commission_rate=Decimal("0.30"),
            monthly_commission=Decimal("299.70"),
            platform_fee=Decimal("699.30"),
            billing_start_date=NINE_TWENTY,
        ),
        subscription_date=NINE_TWENTY,
        next_billing_date=next_billing_date(NINE_TWENTY),
        changed_at=NINE_TWENTY,
    )
    return Subscription.model_validate({**dict(usual), **changes})


RUN = "run_20261123T092000_entry_bsk_condor0000000000_v1"


def a_plan(**changes: Any) -> Plan:
    due = Due(
        run_id=str(changes.get("run_id", RUN)),
        kind=Kind.ENTRY,
        boundary=changes.get("boundary", NINE_TWENTY),
        template_id=TEMPLATE,
        version=1,
        strategies=(0,),
    )
    tenants = changes.get("tenants", {ZEBU.key: (0,)})
    return Plan(due=due, plan_id="plan", shards=1, tenants=tenants, venues=())


def an_intent(**changes: Any) -> Intent:
    usual = Intent(
        intent_id="intent",
        tag="ql000000000000000000",
        strategy=0,
        leg=0,
        side=Side.BUY,
        symbol="NIFTY01DEC26C26000",
        exchange="NFO",
        token="1",
        lot_size=65,
        tick=Decimal("0.05"),
        contract=Contract(Index.NIFTY, date(2026, 12, 1), Decimal(26000), Right.CE),
        product=Product.INTRADAY,
        quantity=65,
        limit_price=Decimal("101.35"),
        state=State.FILLED,
        order_id="O1",
        sent_after_ms=Decimal("0.412"),
        acknowledged_after_ms=Decimal("52.3"),
        filled_quantity=65,
        average_price=Decimal("99.95"),
    )
    return Intent.model_validate({**dict(usual), **changes})


def a_ticket(**changes: Any) -> Ticket:
    usual = Ticket(
        run_id=RUN,
        shard=0,
        tenant=ZEBU.key,
        subscription_id=a_subscription().subscription_id,
        user_id=ASHA,
        client_id="ZEBU123",
        broker_id="zebu",
        allocation_id="alloc_1",
        intents=(an_intent(),),
        settled=True,
    )
    return Ticket.model_validate({**dict(usual), **changes})


def early_closing(hour: time = time(15, 15), broker: str = "zebu") -> TradingCalendar:
    """The exchange's calendar, with a broker that is known to close intraday positions itself from an hour on."""
    row = SquareOffHour(broker_id=broker, effective_from=date(2026, 11, 1), at=hour, source="the broker, by mail")
    return TradingCalendar(lambda: SHIPPED.over([row]))

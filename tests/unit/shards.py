"""A shard of users who follow one template, for tests of what a worker does with it."""

from datetime import datetime, timedelta
from decimal import Decimal

from quantleap.domain.account import BrokerAccount, Session
from quantleap.domain.basket import Basket, BasketDraft, MarketplaceConfig
from quantleap.domain.execution import Decision, Listing, Order, Report, Seat, State, Ticket
from quantleap.domain.partner import Environment
from quantleap.domain.subscription import Allocation
from quantleap.domain.trading import Product, Side
from quantleap.services.gate import from_ns
from quantleap.services.shard import serve
from tests.engine import (
    FakeZebu,
    Store,
    T,
    a_desk,
    an_errand,
    contract,
    play,
)

WARM = T - timedelta(seconds=30)

LEGS = (
    (Side.BUY, 26400, "CE"),
    (Side.BUY, 25600, "PE"),
    (Side.SELL, 26200, "CE"),
    (Side.SELL, 25800, "PE"),
)

BUYS = sum(side is Side.BUY for side, _, _ in LEGS)


def an_order(number: int, side: Side, strike: int, right: str) -> Order:
    return Order(
        strategy=0,
        leg=number,
        side=side,
        lots=1,
        product=Product.INTRADAY,
        contract=contract(strike, right),
        freeze_quantity=1800,
        reference_price=Decimal(80),
        limit_price=Decimal(88),
        listings={
            "zebu#test": Listing(
                exchange="NFO", symbol=f"NIFTY{strike}{right}", token="1", lot_size=65, tick=Decimal("0.05")
            )
        },
    )


def a_basket() -> Basket:
    draft = BasketDraft.model_validate(
        {
            "name": "Iron condor",
            "category": "NIFTY",
            "strategies": [
                {
                    "index": "NIFTY",
                    "entry_time": "09:20",
                    "exit_time": "15:20",
                    "legs": [{"side": "SELL", "right": "CE"}],
                }
            ],
        }
    )
    return Basket(
        **draft.model_dump(),
        basket_id="bsk_1",
        template_owner_id="admin_quantleap",
        marketplace=MarketplaceConfig(),
        created_by="admin",
        created_at=T,
        updated_at=T,
    )


def a_store(users: int = 2) -> Store:
    """Users u0, u1, ... with one account each, logged in, all following one template."""
    store = Store(basket=a_basket())
    for number in range(users):
        user, client, subscription = f"usr_{number}", f"C{number}", f"sub_{number}"
        allocation = Allocation(
            allocation_id=f"alloc_{number}", broker_id="zebu", client_id=client, lot_multiplier=Decimal(2)
        )
        store.seats.append(Seat(subscription, user, "zebu#test", "ACTIVE", (allocation,)))
        store.statuses[subscription] = "ACTIVE"
        store.accounts[user, client] = BrokerAccount(
            user_id=user,
            tenant="zebu#test",
            client_id=client,
            broker_id="zebu",
            environment=Environment.TEST,
            token_expires_at=T + timedelta(hours=5),
            created_at=T,
        )
        store.sessions[user, client] = Session(access_token="t", client_id=client, expires_at=T + timedelta(hours=5))
    store.decision = Decision(
        run_id=an_errand().run_id,
        decided_at=WARM,
        orders=tuple(an_order(number, *leg) for number, leg in enumerate(LEGS)),
    )
    return store


def run(store: Store, broker: FakeZebu) -> Report:
    return play(lambda: serve(a_desk(store, broker), an_errand()), WARM).report


def states(ticket: Ticket) -> list[State]:
    return [intent.state for intent in ticket.intents]


def paused(store: Store) -> None:
    store.statuses["sub_0"] = "PAUSED"


def logged_out(store: Store) -> None:
    account = store.accounts["usr_0", "C0"]
    store.accounts["usr_0", "C0"] = account.model_copy(update={"token_expires_at": None})


def unhedged(broker: FakeZebu) -> list[dict[str, str]]:
    """The sells that came to the broker while a buy of their account was not filled; an account has two of these."""
    filled: dict[str, list[datetime]] = {}
    for order, at in zip(broker.orders, broker.arrivals, strict=True):
        if order["trantype"] == "B" and (since := filled_at(broker, order, at)) is not None:
            filled.setdefault(order["actid"], []).append(since)
    sells = ((order, at) for order, at in zip(broker.orders, broker.arrivals, strict=True) if order["trantype"] == "S")
    return [order for order, at in sells if sum(since <= at for since in filled.get(order["actid"], ())) < BUYS]


def filled_at(broker: FakeZebu, order: dict[str, str], arrived: datetime) -> datetime | None:
    rests_until = broker.fills_at.get(order["norenordno"])
    if order["status"] == "OPEN" and rests_until is not None:
        return from_ns(rests_until)
    return arrived if order["status"] == "COMPLETE" else None

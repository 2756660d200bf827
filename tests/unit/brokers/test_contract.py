"""What every broker does alike, played against the simulator that speaks as that broker does."""

from datetime import date
from decimal import Decimal
from itertools import batched
from typing import Any

import pytest

from quantleap.adapters.brokers.directory import BROKERS
from quantleap.domain.account import Credentials
from quantleap.domain.broker import (
    InsufficientFunds,
    NotSent,
    OrderGone,
    OrderStatus,
    RateLimited,
    Refused,
    SessionExpired,
)
from quantleap.domain.capabilities import Binding
from quantleap.domain.contracts import Contract, Index, Right
from quantleap.domain.trading import Side
from sandbox.broker.houses import HOUSES
from tests.unit.desk import CALL, Desk
from tests.unit.simulator import MORNING

FAR_CALL = CALL._replace(strike=Decimal(26500))
MONTHLY = Contract(Index.BANKNIFTY, date(2026, 12, 29), Decimal(58500), Right.PE)
DEAR = Decimal("2000.00")


def test_every_broker_has_a_simulated_one() -> None:
    assert BROKERS.keys() == HOUSES.keys()


def test_a_login_gives_a_session_of_the_client_until_the_brokers_hour(desk: Desk) -> None:
    session = desk.log_in()

    assert session.client_id == "TEST123"
    assert MORNING < session.expires_at <= desk.broker.capability.token.ends(MORNING)


def test_a_login_returns_with_the_state_where_the_broker_says_so(desk: Desk) -> None:
    came = desk.come_back("st&te 1")

    assert desk.broker.capability.login.code(came)
    if desk.broker.capability.login.binding is Binding.STATE:
        assert came["state"] == "st&te 1"


@pytest.mark.parametrize("spoilt", ["code", "secret", "app"])
def test_a_login_that_is_not_good_is_refused(desk: Desk, spoilt: str) -> None:
    good = desk.finished()
    bad: dict[str, dict[str, Any]] = {
        "code": {"code": "nobodys-code"},
        "secret": {"credentials": Credentials(api_key=good.credentials.api_key, api_secret="wrong")},
        "app": {"credentials": Credentials(api_key="nobodys-key", api_secret="wrong"), "came": {}},
    }
    if spoilt == "secret" and not desk.broker.capability.login.secret:
        pytest.skip("this broker's login needs no secret")

    with pytest.raises((Refused, SessionExpired)):
        desk.log_in(good.model_copy(update=bad[spoilt]))


def test_the_profile_says_whose_session_it_is(desk: Desk) -> None:
    assert desk.owner() == "TEST123"


def test_an_order_is_placed_found_in_the_book_changed_and_taken_back(desk: Desk) -> None:
    order = desk.order(CALL)
    number = desk.place(order)
    [booked] = desk.book()

    assert (booked.order_id, booked.tag, booked.symbol) == (number, "ql0001", order.instrument.symbol)
    assert (booked.status, booked.quantity, booked.limit_price) == (OrderStatus.OPEN, 65, Decimal("0.05"))

    desk.modify(number, order._replace(quantity=130, limit_price=Decimal("0.10")))
    [changed] = desk.book()
    assert (changed.quantity, changed.limit_price, changed.status) == (130, Decimal("0.10"), OrderStatus.OPEN)

    desk.cancel(number, order)
    [gone] = desk.book()
    assert (gone.status, gone.filled, gone.refusal) == (OrderStatus.CANCELLED, 0, None)


def test_an_empty_book_is_empty(desk: Desk) -> None:
    assert list(desk.book()) == []
    assert desk.tagged("ql0001") == []
    assert list(desk.ask(desk.broker.positions, desk.broker.held)) == []


def test_an_order_is_found_by_its_tag(desk: Desk) -> None:
    for tag in ("ql0001", "qlabcdefghijklmnopqr"):
        desk.place(desk.order(CALL, tag=tag))

    [found] = desk.tagged("qlabcdefghijklmnopqr")

    assert found.tag == "qlabcdefghijklmnopqr"
    assert desk.tagged("ql0002") == []


def test_the_tags_we_make_fit_every_broker(desk: Desk) -> None:
    assert desk.broker.capability.tag.fits("qlabcdefghijklmnop12")


def test_a_filled_order_says_how_many_and_at_what_price(desk: Desk) -> None:
    desk.place(desk.order(CALL, limit_price=DEAR))

    [booked] = desk.book()

    assert (booked.status, booked.filled) == (OrderStatus.FILLED, 65)
    assert booked.average_price == Decimal(desk.remote.quote()["ask"])


def test_a_stop_order_waits_for_its_trigger(desk: Desk) -> None:
    stop = desk.order(CALL, limit_price=DEAR, trigger_price=Decimal("1999.00"))
    number = desk.place(stop)

    desk.modify(number, stop._replace(trigger_price=Decimal("1999.50")))

    [booked] = desk.book()
    assert (booked.status, booked.limit_price) == (OrderStatus.OPEN, DEAR)
    desk.cancel(number, stop)


def test_positions_and_funds_follow_the_orders(desk: Desk) -> None:
    before = desk.ask(desk.broker.funds, desk.broker.money)
    desk.place(desk.order(CALL, limit_price=DEAR))
    desk.place(desk.order(FAR_CALL, side=Side.SELL))

    held = {position.symbol: position for position in desk.ask(desk.broker.positions, desk.broker.held)}
    after = desk.ask(desk.broker.funds, desk.broker.money)

    bought, sold = (held[desk.listed[contract].symbol] for contract in (CALL, FAR_CALL))
    assert (bought.quantity, sold.quantity) == (65, -65)
    assert bought.product is desk.order(CALL).product, "one names none, which is read as intraday"
    assert bought.average_price == Decimal(desk.remote.quote()["ask"])
    assert bought.last_price == Decimal(desk.remote.quote()["last"])
    assert before.used == 0
    assert after.used > 65 * 26500 * Decimal("0.12")
    assert after.available == before.available - after.used


def test_the_margin_of_a_basket_is_told_before_it_is_placed(desk: Desk) -> None:
    basket = [desk.order(CALL, limit_price=DEAR), desk.order(FAR_CALL, side=Side.SELL)]

    at_once = desk.broker.capability.margin_at_once
    parts = [desk.ask(desk.broker.margin, desk.broker.required, [*part]) for part in batched(basket, at_once)]  # noqa: B911
    required = sum(parts)

    assert required >= 65 * 26500 * Decimal("0.12")


def test_quotes_are_the_markets(desk: Desk) -> None:
    wanted = [desk.listed[CALL], desk.listed[MONTHLY]][: desk.broker.capability.quotes_at_once]

    quotes = desk.ask(desk.broker.quotes, lambda answer: desk.broker.quoted(answer, wanted), wanted)

    seen = desk.remote.quote()
    assert quotes.keys() == {one.contract for one in wanted}
    sides = ("bid", "ask", "last") if desk.broker.capability.quote_depth else ("last",) * 3
    assert list(quotes[CALL]) == [Decimal(seen[price]) for price in sides]


def test_the_list_of_contracts_is_the_exchanges(desk: Desk) -> None:
    weekly, monthly = desk.listed[CALL], desk.listed[MONTHLY]

    assert (weekly.exchange, weekly.lot_size, weekly.tick) == (weekly.exchange, 65, Decimal("0.05"))
    assert monthly.lot_size == 30
    assert {contract.index for contract in desk.listed} == set(Index)
    assert len({row.symbol + row.token for row in desk.listed.values()}) == len(desk.listed)


def test_a_dead_token_is_told_by_every_call(desk: Desk) -> None:
    order = desk.order(CALL)
    kept = desk.session
    desk.remote.send("POST", "/control/sessions/expire", {"client_id": "TEST123", "broker": desk.name})
    broker = desk.broker
    calls: list[tuple[Any, ...]] = [
        (broker.profile, lambda answer: broker.owner(answer, desk.session)),
        (broker.place, broker.placed, order),
        (broker.modify, broker.done, "1", order),
        (broker.cancel, broker.done, "1", order),
        (broker.order_book, broker.orders),
        (broker.find, broker.orders, "ql0001"),
        (broker.positions, broker.held),
        (broker.funds, broker.money),
        (broker.margin, broker.required, [order]),
        (broker.quotes, lambda answer: broker.quoted(answer, [order.instrument]), [order.instrument]),
    ]
    try:
        for request, read, *args in calls:
            with pytest.raises(SessionExpired):
                desk.ask(request, read, *args)
    finally:
        desk.session = desk.log_in()
    assert desk.session.access_token != kept.access_token


@pytest.mark.parametrize(
    "changes",
    [
        {"quantity": 66},
        {"quantity": 1885},
        {"limit_price": Decimal("100.03")},
    ],
    ids=["odd lot", "above freeze", "off tick"],
)
def test_an_order_the_broker_does_not_take_is_refused_and_not_in_the_book(desk: Desk, changes: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        desk.place(desk.order(CALL, **changes))

    assert desk.placed() == []


def test_a_contract_the_broker_does_not_list_is_refused(desk: Desk) -> None:
    order = desk.order(CALL)
    nothing = CALL._replace(strike=Decimal(99950))
    unlisted = order.instrument._replace(symbol="NIFTY99NOSUCH", token="1", contract=nothing)

    with pytest.raises(Refused):
        desk.place(order._replace(instrument=unlisted))

    assert desk.placed() == []


def test_a_finished_order_cannot_be_changed_or_taken_back(desk: Desk) -> None:
    order = desk.order(CALL)
    number = desk.place(order)
    desk.cancel(number, order)

    for again in (desk.modify, desk.cancel):
        with pytest.raises(OrderGone):
            again(number, order)


def test_a_money_refusal_is_never_taken_for_a_retry(desk: Desk) -> None:
    assert not InsufficientFunds.retry
    assert RateLimited.retry
    assert NotSent.retry


async def test_prepared_bytes_on_an_open_connection_place_the_same_order(desk: Desk) -> None:
    async with desk.line() as ask:
        number = await ask(desk.order(CALL, tag="qlprepared"))

    [order] = desk.placed()
    assert (order["order_id"], order["tag"]) == (number, "qlprepared")

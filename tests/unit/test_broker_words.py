"""What exchange, risk systems and brokers say, as they were seen to say it, and the one word of ours for each."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantleap.adapters.brokers.directory import BROKERS
from quantleap.adapters.brokers.mstock import MStock
from quantleap.adapters.brokers.upstox import Upstox
from quantleap.adapters.brokers.zebu import Zebu
from quantleap.adapters.brokers.zerodha import Zerodha
from quantleap.domain.booking import Book, as_booked
from quantleap.domain.broker import (
    AddressNotAllowed,
    Answer,
    BadInput,
    BookedOrder,
    Broker,
    BrokerFailure,
    InsufficientFunds,
    OrderStatus,
    PriceOutOfBand,
    Refused,
    SessionExpired,
    Unknown,
    Unrecognised,
    Vocabulary,
    kept,
)
from quantleap.domain.execution import State
from sandbox.reference import reasons
from tests.builders import an_intent

EVERYBODYS = {
    "17070 : The Price is out of the LPP range": PriceOutOfBand,
    "17070:The price is out of the current execution range": PriceOutOfBand,
    "EXCH:16283 : The order price is out of the operating price range": PriceOutOfBand,
    "RMS:Margin Exceeds, Required:17070.00, Available:12.50 for entity account-AB1234": InsufficientFunds,
    "RED:Margin Shortfall:INR 15000": InsufficientFunds,
    "RMS:FUND LIMIT INSUFFICIENT": InsufficientFunds,
    "You need to add Rs. 1,204.50 in your account to place this trade": InsufficientFunds,
    "IP (203.0.113.9) is not allowed to place orders for this app": AddressNotAllowed,
    "Request came from IP 2001:db8::7, which is not registered": AddressNotAllowed,
    "Invalid quantity": BadInput,
    "The 'order_type' is invalid": BadInput,
    "Please provide a valid trading symbol": BadInput,
}
NOBODYS = (
    "",
    "Error while calling service, Please contact admin (1)",
    "Something went wrong, please try again",
    "Server Timeout :  ",
    "advantage of 5 percentage points",
    "Invalid response received from OMS",
    "Invalid upstream state",
    "Session handler required",
    "Route not found",
    "Service is currently not available",
    "No order id was returned by the order system",
    "please refund",
    "IPO orders are not allowed",
)
WORDS = {kind.reason for kind in reasons(BrokerFailure)}


@pytest.fixture(params=sorted(BROKERS))
def broker(request: pytest.FixtureRequest) -> Broker:
    return BROKERS[request.param](None)


@pytest.mark.parametrize(("text", "means"), EVERYBODYS.items())
def test_what_the_market_says_means_the_same_through_every_broker(
    broker: Broker, text: str, means: type[BrokerFailure]
) -> None:
    assert type(broker.vocabulary.failure(text)) is means
    assert broker.vocabulary.ending(OrderStatus.REJECTED, text) == means.reason
    assert broker.vocabulary.ending(OrderStatus.CANCELLED, text) == means.reason


@pytest.mark.parametrize("text", NOBODYS)
def test_a_refusal_is_certain_only_in_words_that_somebody_knows(broker: Broker, text: str) -> None:
    failure = broker.vocabulary.failure(text)

    assert isinstance(failure, Unknown)
    assert failure.reason == "unknown"


@pytest.mark.parametrize("text", NOBODYS)
def test_what_the_book_shows_as_rejected_is_refused_in_whatever_words(broker: Broker, text: str) -> None:
    assert broker.vocabulary.ending(OrderStatus.REJECTED, text) == "refused"
    assert broker.vocabulary.ending(OrderStatus.CANCELLED, text) is None


@pytest.mark.parametrize("status", [OrderStatus.FILLED, OrderStatus.OPEN, OrderStatus.PARTIAL])
def test_an_order_that_is_not_over_or_was_filled_has_no_reason(broker: Broker, status: OrderStatus) -> None:
    assert broker.vocabulary.ending(status, "RMS:Margin Exceeds") is None


WORDY = Vocabulary(
    codes={"broad": Refused, "input": BadInput, "dead": SessionExpired, "lost": Unknown, "poor": InsufficientFunds},
    phrases=(),
    vague=(("invalid", BadInput),),
)


@pytest.mark.parametrize(
    ("code", "text", "means"),
    [
        ("broad", "17070 : out of range", PriceOutOfBand),
        ("input", "17070 : out of range", PriceOutOfBand),
        ("broad", "invalid", BadInput),
        ("poor", "17070 : out of range", InsufficientFunds),
        ("poor", "the request timed out", Unknown),
        ("dead", "invalid", SessionExpired),
        ("dead", "the request timed out", SessionExpired),
        ("dead", "the IP (::1) is not allowed", AddressNotAllowed),
        ("lost", "margin exceeds", Unknown),
        ("new", "margin exceeds", InsufficientFunds),
        ("new", "odd", Unrecognised),
    ],
)
def test_whichever_says_more_counts_code_or_text(code: str, text: str, means: type[BrokerFailure]) -> None:
    assert type(WORDY.failure(text, code)) is means


RAW = "You need to add Rs. 99.00 in your account to place this trade"


def line(status: str, **said: object) -> Answer:
    return Answer(200, {}, json.dumps({"status": "success", "data": [{"status": status, "tag": "a"} | said]}).encode())


@pytest.mark.parametrize("kind", [Zerodha, MStock, Upstox])
@pytest.mark.parametrize("said", [{"status_message": None}, {"status_message": "Rejected, contact support"}, {}])
def test_the_raw_message_tells_what_the_brokers_own_does_not(
    kind: type[Zerodha | MStock | Upstox], said: dict[str, object]
) -> None:
    [booked] = kind().orders(line("rejected", status_message_raw=RAW, **said))

    assert booked.refusal == "insufficient_funds"


def test_an_order_of_the_noren_book_that_the_exchange_cancelled_says_why() -> None:
    text = "17070 : The Price is out of the LPP range"
    booked = [{"status": "CANCELED", "rejreason": text, "remarks": "a", "qty": "65", "fillshares": "0"}]

    [order] = Zebu().orders(Answer(200, {}, json.dumps(booked).encode()))

    assert (order.status, order.refusal) == (OrderStatus.CANCELLED, "price_out_of_band")


@given(status=st.sampled_from(OrderStatus), text=st.text(max_size=60), broker=st.sampled_from(sorted(BROKERS)))
def test_whatever_a_book_says_the_reason_is_a_word_of_ours(status: OrderStatus, text: str, broker: str) -> None:
    refusal, intent = BROKERS[broker](None).vocabulary.ending(status, text), an_intent(order_id="1", filled_quantity=0)
    booked = BookedOrder("1", intent.tag, status, 0, None, text or None, refusal=refusal)

    found = as_booked(intent, Book([booked]))

    assert found.reason is None or found.reason in WORDS


def test_the_brokers_text_is_kept_beside_our_word() -> None:
    intent = an_intent(state=State.ACKNOWLEDGED, order_id="1", filled_quantity=0)
    booked = BookedOrder("1", intent.tag, OrderStatus.REJECTED, 0, None, "RMS:Rule 7", refusal="refused")

    found = as_booked(intent, Book([booked]))

    assert (found.reason, found.said) == ("refused", "RMS:Rule 7")


@pytest.mark.parametrize(
    "secret",
    ["abcd1234", "eyJhbGciOiJIUzI1NiJ9", "x" * 24, "9f86d081884c7d659a2feaa0c55ad015", "TUFIRVNIMTpzZXNzaW9u=="],
)
def test_what_looks_like_a_secret_is_not_kept_of_a_brokers_text(secret: str) -> None:
    failure = Refused(f"token {secret} of key ({secret}) is odd")

    assert secret not in failure.text + str(failure) + repr(failure)
    assert failure.text == "token [hidden] of key ([hidden]) is odd"


def test_what_a_broker_says_is_kept_as_it_is() -> None:
    said = "RMS:Margin Exceeds, Required:154321.00, Available:0.00 for entity account. 17070 : (MA16283) Rs. 1,204.50"

    assert kept(said) == said
    assert len(kept("word " * 100)) == 300

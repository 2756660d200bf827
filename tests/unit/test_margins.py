"""What brokers are asked before a run, and what becomes of their answers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from quantleap.adapters.brokers.zebu import Zebu
from quantleap.domain.account import Session
from quantleap.domain.broker import Answer, Broker, BrokerFailure, Funds, OrderRequest, Request, SessionExpired, Unknown
from quantleap.domain.errors import Unavailable
from quantleap.domain.execution import Seat
from quantleap.domain.partner import Environment
from quantleap.services.margins import LONGEST, Bank, ask
from tests.builders import NINE_TWENTY, Clock, a_basket, an_account
from tests.fakes import FakeAccounts, FakeUsers
from tests.unit.test_planning import a_seat, decided

SEAT = a_seat()


class Money(Zebu):
    """A broker whose answers are plain numbers: what orders would block, and what is there."""

    def __init__(self, at_once: int = 50) -> None:
        super().__init__("http://broker")
        self.capability = self.capability.model_copy(update={"margin_at_once": at_once})
        self.baskets: list[int] = []

    def margin(self, session: Session, orders: Sequence[OrderRequest]) -> Request:
        self.baskets.append(len(orders))
        return Request("POST", self.base_url, f"/margin/{session.client_id}", {}, b"")

    def required(self, answer: Answer) -> Decimal:
        return Decimal(answer.body.decode())

    def funds(self, session: Session) -> Request:
        return Request("GET", self.base_url, f"/funds/{session.client_id}", {}, b"")

    def money(self, answer: Answer) -> Funds:
        return Funds(Decimal(answer.body.decode()), Decimal())


@dataclass
class Brokers:
    """One broker, wherever one asks."""

    money: Money = field(default_factory=Money)

    def as_they_stand(self) -> "Brokers":
        return self

    def broker(self, broker_id: str, environment: Environment) -> Broker:
        return self.money


@dataclass
class Teller:
    """Answers for the broker: every account has `cash`; orders block `blocked`, unless its client is to fail."""

    cash: str = "200000"
    blocked: str = "150000"
    failures: Mapping[str, BrokerFailure] = field(default_factory=dict)

    def send(self, request: Request, *, timeout_s: float = 10) -> Answer:
        _, what, client = request.target.split("/")
        if client in self.failures:
            raise self.failures[client]
        return Answer(200, {}, (self.cash if what == "funds" else self.blocked).encode())


@dataclass
class Tokens:
    """A vault that has a session for whoever is asked about, except those it `lacks`."""

    lacks: frozenset[str] = frozenset()
    shut: bool = False
    asked: list[int] = field(default_factory=list)

    def sessions(self, names: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], Session]:
        if self.shut:
            raise Unavailable("no vault", code="vault_unavailable")
        wanted = [name for name in names if name[1] not in self.lacks]
        self.asked.append(len(wanted))
        until = NINE_TWENTY + timedelta(hours=6)
        return {name: Session(access_token="t", client_id=name[1], expires_at=until) for name in wanted}


def a_bank(**changes: Any) -> Bank:
    usual: dict[str, Any] = {"vault": Tokens(), "http": Teller(), "brokers": Brokers(), "clock": Clock()}
    return Bank(**{"accounts": FakeAccounts(FakeUsers()), **usual, **changes})


def seats(count: int) -> list[Seat]:
    (share,) = SEAT.allocations
    return [
        SEAT._replace(subscription_id=f"s{n}", allocations=(share.model_copy(update={"client_id": f"C{n}"}),))
        for n in range(count)
    ]


def asked(bank: Bank, *who: Seat) -> dict[str, dict[str, str]]:
    return ask(bank, decided(a_basket()), who)


@pytest.mark.parametrize(("cash", "said"), [("150000", {}), ("149999.95", {"sub_1": {"C1": "margin_short"}})])
def test_money_is_short_where_the_orders_together_block_more_than_is_there(cash: str, said: dict[str, Any]) -> None:
    brokers = Brokers()

    assert asked(a_bank(http=Teller(cash=cash), brokers=brokers), SEAT) == said
    assert brokers.money.baskets == [4]


def test_a_broker_that_prices_orders_one_by_one_does_not_tell() -> None:
    brokers = Brokers(Money(at_once=1))

    assert asked(a_bank(http=Teller(cash="0"), brokers=brokers), SEAT) == {}
    assert brokers.money.baskets == []


def test_a_token_the_broker_does_not_take_any_more_is_found_out() -> None:
    teller = Teller(failures={"C0": SessionExpired("dead")})

    assert asked(a_bank(http=teller), *seats(3)) == {"s0": {"C0": "session_expired"}}


def test_an_account_whose_token_is_found_dead_is_marked_unless_its_user_logged_in_since() -> None:
    at = NINE_TWENTY - timedelta(minutes=30)
    usual = {"user_id": SEAT.user_id, "token_expires_at": NINE_TWENTY + timedelta(hours=6)}
    accounts = FakeAccounts(
        FakeUsers(),
        an_account(client_id="C0", last_oauth_login=at, **usual),
        an_account(client_id="C1", last_oauth_login=at + timedelta(seconds=1), **usual),
    )
    teller = Teller(failures=dict.fromkeys(["C0", "C1"], SessionExpired("dead")))

    asked(a_bank(http=teller, accounts=accounts, clock=Clock(at)), *seats(2))

    ready = {client: account.token_expires_at is not None for (_, client), account in accounts.held.items()}
    assert ready == {"C0": False, "C1": True}


def test_a_token_that_cannot_be_read_is_found_out() -> None:
    assert asked(a_bank(vault=Tokens(frozenset({"C1"}))), *seats(2)) == {"s1": {"C1": "broker_session_unreadable"}}


@pytest.mark.parametrize(
    "silent",
    [{"http": Teller(failures={"C1": Unknown("nothing came")})}, {"vault": Tokens(shut=True)}],
)
def test_who_does_not_answer_holds_nothing_against_anybody(silent: dict[str, Any]) -> None:
    assert asked(a_bank(**silent), SEAT) == {}


def test_nobody_is_asked_for_whom_there_are_no_orders() -> None:
    vault = Tokens()

    assert asked(a_bank(vault=vault), SEAT._replace(tenant="zebu#live")) == {}
    assert vault.asked == []


def test_accounts_are_asked_a_shard_at_a_time_until_the_time_is_up() -> None:
    clock = Clock()

    class Slow(Tokens):
        def sessions(self, names: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], Session]:
            clock.now += LONGEST / 2
            return super().sessions(names)

    vault = Slow()

    said = asked(a_bank(vault=vault, http=Teller(cash="0"), clock=clock), *seats(700))

    assert vault.asked == [250, 250]
    assert len(said) == 500

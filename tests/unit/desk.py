"""A client of any broker over a running simulator: every call of the `Broker` protocol, sent and read."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import urllib3

from quantleap.adapters.brokers.directory import BROKERS
from quantleap.adapters.http import UrllibHttp
from quantleap.adapters.lines import AsyncLines
from quantleap.domain.account import Credentials, FinishedLogin, Session
from quantleap.domain.broker import Answer, BookedOrder, Instrument, OrderRequest, Request
from quantleap.domain.contracts import Contract, Index, Right
from quantleap.domain.trading import Side
from tests.unit.simulator import TEST_APP, Remote

RETURN_TO = "https://portal.example/back/login-7"
CALL = Contract(Index.NIFTY, date(2026, 12, 1), Decimal(26000), Right.CE)
APP = Credentials(api_key=TEST_APP[0], api_secret=TEST_APP[1])


@dataclass
class Desk:
    """One client's desk at one broker."""

    name: str
    remote: Remote
    client_id: str = "TEST123"

    def __post_init__(self) -> None:
        self.broker = BROKERS[self.name](f"{self.remote.base}/{self.name}")
        self.http = UrllibHttp()
        self.session = self.log_in()
        self.listed = self.list_of_today()

    def come_back(self, state: str = "state-1", credentials: Credentials = APP) -> Mapping[str, str]:
        """Log in on the broker's page as a person does, and return what the page sends the browser back with."""
        page = urllib3.PoolManager(retries=False, timeout=10)
        url = self.broker.login_url(credentials, state, RETURN_TO)
        assert page.request("GET", url).status == 200
        answer = page.request("POST", url, fields={"user_id": self.client_id}, encode_multipart=False, redirect=False)
        assert answer.headers["location"].startswith(RETURN_TO)
        return dict(parse_qsl(urlsplit(answer.headers["location"]).query))

    def finished(self, code: str | None = None, credentials: Credentials = APP) -> FinishedLogin:
        came = dict(self.come_back())
        code = code or self.broker.capability.login.code(came)
        assert code
        return FinishedLogin(
            credentials=credentials, client_id=self.client_id, code=code, came=came, redirect_url=RETURN_TO
        )

    def owner(self) -> str:
        return self.ask(self.broker.profile, lambda answer: self.broker.owner(answer, self.session))

    def log_in(self, login: FinishedLogin | None = None) -> Session:
        login = login or self.finished()
        return self.broker.session(self.http.send(self.broker.exchange(login)), login, self.remote.clock())

    def list_of_today(self) -> Mapping[Contract, Instrument]:
        session = self.session if self.broker.capability.master_needs_session else None
        return self.broker.instruments(self.http.send(self.broker.master(session))).contracts

    def ask[T](self, request: Callable[..., Request], read: Callable[[Answer], T], *args: Any) -> T:
        return read(self.http.send(request(self.session, *args)))

    def order(self, contract: Contract, **changes: Any) -> OrderRequest:
        usual = OrderRequest(
            instrument=self.listed[contract],
            side=Side.BUY,
            quantity=self.listed[contract].lot_size,
            limit_price=Decimal("0.05"),
            product=self.broker.capability.products[0],
            tag="ql0001",
        )
        return usual._replace(**changes)

    def place(self, order: OrderRequest) -> str:
        return self.ask(self.broker.place, self.broker.placed, order)

    @asynccontextmanager
    async def line(self) -> AsyncIterator[Callable[[OrderRequest], Awaitable[str]]]:
        """A connection of the order path; what is yielded places an order over it, on a new one when it was closed."""
        lines = AsyncLines()
        line = lines.line(self.broker.base_url)

        async def place(order: OrderRequest) -> str:
            await line.open()
            return self.broker.placed(await line.write(lines.prepare(self.broker.place(self.session, order))))

        try:
            yield place
        finally:
            line.close()

    def modify(self, order_id: str, order: OrderRequest) -> None:
        self.ask(self.broker.modify, self.broker.done, order_id, order)

    def cancel(self, order_id: str, order: OrderRequest) -> None:
        self.ask(self.broker.cancel, self.broker.done, order_id, order)

    def book(self) -> Sequence[BookedOrder]:
        return self.ask(self.broker.order_book, self.broker.orders)

    def placed(self) -> list[dict[str, Any]]:
        """What the broker itself has."""
        return self.remote.orders(broker=self.name)

    def tagged(self, tag: str) -> Sequence[BookedOrder]:
        return [order for order in self.ask(self.broker.find, self.broker.orders, tag) if order.tag == tag]

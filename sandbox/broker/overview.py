"""The page at `/` for people who watch."""

from itertools import islice

from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from quantleap.domain.clock import IST
from quantleap.domain.contracts import Index
from sandbox.broker.behaviour import Behaviour, Rule
from sandbox.broker.book import Order
from sandbox.broker.pages import Markup, badge, page, table
from sandbox.broker.simulator import Firm, Simulator

COLUMNS = ("arrived (IST)", "broker", "client", "order", "tag", "symbol", "side", "quantity", "limit", "status", "")
SHOWN = 20


class Overview:
    """Open orders, the latest ones and the behaviour, fresh every two seconds."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self.routes = [Route("/", self.show)]

    async def show(self, _: Request) -> HTMLResponse:
        """The broker at a glance."""
        floor, at = self._simulator.floor, self._simulator.floor.clock()
        orders = self._simulator.orders()
        working = [(firm, order) for firm, order in reversed(orders) if not order.status.final]
        sessions = sum(len(firm.accounts.sessions) for firm in self._simulator.firms.values())
        tiles = {index.value: f"{floor.market.spot(index, at):,}" for index in Index}
        tiles |= {"orders": f"{len(orders):,}", "sessions": f"{sessions:,}"}
        return page(
            "overview",
            "Simulated broker",
            time=f"{at.astimezone(IST):%a %d %b %Y %H:%M:%S}",
            seed=str(floor.settings.seed),
            hours=floor.settings.market_hours.value,
            tiles=Markup("".join(_tile(name, value) for name, value in tiles.items())),
            behaviour=_behaviour(floor.temper.behaviour),
            working=_orders(working[:SHOWN], "No order is waiting."),
            latest=_orders(list(islice(reversed(orders), SHOWN)), "No order has arrived yet."),
        )


def _tile(name: str, value: str) -> str:
    return f"<div class=tile><span>{name}</span><b>{value}</b></div>"


def _behaviour(behaviour: Behaviour) -> Markup:
    rows = [
        ("answers after", f"{behaviour.latency_ms:g} ms, up to {behaviour.latency_jitter_ms:g} ms more"),
        ("fills", behaviour.fill.value),
        ("its clock is ahead by", f"{behaviour.clock_skew_s:g} s"),
        *((f"reject: {kind}", _rule(rule)) for kind, rule in behaviour.reject.items()),
        *((f"reject after accept: {kind}", _rule(rule)) for kind, rule in behaviour.reject_after_accept.items()),
        *((f"fault: {kind}", _rule(rule)) for kind, rule in behaviour.faults.items()),
        *((f"book: {kind}", _rule(rule)) for kind, rule in behaviour.book.items()),
        ("the book is late by", f"{behaviour.book_late_ms:g} ms"),
        *([("too many requests", _rule(behaviour.storm))] if behaviour.storm else []),
    ]
    return table(("what", "how"), rows, "")


def _rule(rule: Rule) -> str:
    whom = rule.client_id or "everybody"
    often = "every time" if rule.count is None else f"{rule.count} times"
    return f"{whom}, {often}, {rule.probability:.0%} likely"


def _orders(orders: list[tuple[Firm, Order]], empty: str) -> Markup:
    return table(COLUMNS, (_row(firm, order) for firm, order in orders), empty)


def _row(firm: Firm, order: Order) -> tuple[str, ...]:
    ticket = order.ticket
    return (
        f"{order.arrived_at.astimezone(IST):%H:%M:%S.%f}",
        firm.name,
        ticket.client_id,
        order.number,
        ticket.tag,
        ticket.symbol,
        badge(ticket.side),
        f"{ticket.quantity:,}",
        str(ticket.price),
        badge(order.status),
        _what_became(order),
    )


def _what_became(order: Order) -> str:
    if order.rejection:
        return order.rejection.replace("_", " ")
    return f"{order.filled:,} at {order.average}" if order.filled else ""

"""What brokers say of accounts before a run: would the money do, does the token still work.

A broker that does not answer, or cannot price the orders as one basket, tells nothing, and that is held against nobody.
A login that turns out to be dead is marked at once, so that its user hears of it while there is time.
"""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from itertools import batched
from typing import NamedTuple

from quantleap.domain import planning
from quantleap.domain.account import Session
from quantleap.domain.broker import Broker, BrokerFailure, SessionExpired
from quantleap.domain.clock import Clock
from quantleap.domain.errors import Unavailable
from quantleap.domain.execution import Decision, Seat, Ticket
from quantleap.domain.partner import Tenant
from quantleap.domain.ports import BrokerAccounts, Brokers, CredentialVault, Http
from quantleap.services.broker_accounts import mark_login_required
from quantleap.services.channel import order_request
from quantleap.services.isolation import Spared
from quantleap.services.roster import UNREADABLE, name

SHORT = "margin_short"
"""The account's money does not do for the orders as they would be now."""

TOGETHER = 16
"""Accounts asked at once: each has its own limits at its broker, and two calls are far below any."""

AT_ONCE = 250
"""Tokens unlocked together, as many as a worker unlocks."""

LONGEST = timedelta(minutes=2)
"""After this the rest goes unasked: an outlook that comes late helps nobody."""

PATIENCE_S = 5.0

type Sessions = Mapping[tuple[str, str], Session]

type Said = dict[str, dict[str, str]]
"""By subscription and client id, why a broker would not take the orders."""


class Bank(NamedTuple):
    """Who is asked, and with what."""

    vault: CredentialVault
    http: Http
    brokers: Brokers
    clock: Clock
    accounts: BrokerAccounts


def ask(bank: Bank, decision: Decision, seats: Iterable[Seat]) -> Said:
    """Ask each account's broker about the orders of a run, until the time is up; what nobody says is left out."""
    ends = bank.clock() + LONGEST
    tickets = [ticket for seat in seats for ticket in planning.tickets(decision, seat, 0) if ticket.intents]
    said: Said = {}
    with ThreadPoolExecutor(TOGETHER) as pool:
        for some in batched(tickets, AT_ONCE, strict=False):
            at = bank.clock()
            sessions = _sessions(bank, some) if at < ends else None
            if sessions is None:
                break
            for ticket, reason in zip(some, pool.map(partial(_reason, bank, sessions, at), some), strict=True):
                if reason is not None:
                    said.setdefault(ticket.subscription_id, {})[ticket.client_id] = reason
    return said


def _sessions(bank: Bank, tickets: Sequence[Ticket]) -> Sessions | None:
    """The tokens, or None where none can be had now: they may be had again at the boundary."""
    try:
        return bank.vault.sessions({name(ticket) for ticket in tickets})
    except Unavailable:
        return None


def _reason(bank: Bank, sessions: Sessions, used_at: datetime, ticket: Ticket) -> str | None:
    session = sessions.get(name(ticket))
    if session is None:
        return UNREADABLE
    with Spared(ticket):
        return _said(bank, session, used_at, ticket)
    return None


def _said(bank: Bank, session: Session, used_at: datetime, ticket: Ticket) -> str | None:
    try:
        broker = bank.brokers.broker(ticket.broker_id, Tenant.of(ticket.tenant).environment)
        return SHORT if _short(bank.http, broker, session, ticket) else None
    except SessionExpired as failure:
        mark_login_required(bank.accounts, *name(ticket), used_at)
        return failure.reason
    except BrokerFailure:
        return None


def _short(http: Http, broker: Broker, session: Session, ticket: Ticket) -> bool:
    """Whether the orders block more than is there; one by one they tell nothing, for hedges free margin."""
    orders = [order_request(intent) for intent in ticket.intents]
    if len(orders) > broker.capability.margin_at_once:
        return False
    required = broker.required(http.send(broker.margin(session, orders), timeout_s=PATIENCE_S))
    available = broker.money(http.send(broker.funds(session), timeout_s=PATIENCE_S)).available
    return required > available

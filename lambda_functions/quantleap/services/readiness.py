"""Whether a partner's subscriptions could trade at a moment, and what stands in the way of those that could not."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from quantleap.domain.account import BrokerAccount
from quantleap.domain.basket import Basket
from quantleap.domain.clock import Clock
from quantleap.domain.execution import Venue
from quantleap.domain.halts import HALTED, Halt, Trade, halted
from quantleap.domain.market_data import MarketData
from quantleap.domain.partner import Tenant
from quantleap.domain.ports import Baskets, BrokerAccounts, Halts, Rehearsals, Subscriptions
from quantleap.domain.rate import day_of
from quantleap.domain.readiness import entering_from, in_the_way, last_exit
from quantleap.domain.rehearsal import AHEAD, Rehearsal
from quantleap.domain.sessions import Calendar
from quantleap.domain.sizing import caps
from quantleap.domain.square_off import TOO_LATE, SquareOffs, closes_first, last_intraday_exit
from quantleap.domain.subscription import Allocation, ReadinessFilter, Status, Subscription, SubscriptionFilter

type Accounts = Mapping[tuple[str, str], BrokerAccount]


class Outlook(NamedTuple):
    """A subscription, and by account why it could not trade; no account stands in the way of one that is ready."""

    subscription: Subscription
    reasons: Mapping[str, str]

    @property
    def ready(self) -> bool:
        """Whether every account of it could trade."""
        return not self.reasons


class Readiness(NamedTuple):
    """A page of subscriptions as they would fare at a moment, with counts of that page.

    `rehearsals` count all of the tenant's subscriptions, as they stood half an hour before a boundary.
    """

    at: datetime
    rehearsals: Sequence[Rehearsal]
    outlooks: Sequence[Outlook]
    next_token: str | None

    @property
    def reasons(self) -> Mapping[str, int]:
        """How many subscriptions each reason keeps from trading."""
        return dict(Counter(reason for each in self.outlooks for reason in set(each.reasons.values())))


class Ports(NamedTuple):
    """What is asked."""

    subscriptions: Subscriptions
    accounts: BrokerAccounts
    baskets: Baskets
    halts: Halts
    rehearsals: Rehearsals
    calendar: Calendar
    clock: Clock


def readiness(ports: Ports, tenant: Tenant, wanted: ReadinessFilter) -> Readiness:
    """Ask as the run would ask: five calls for a page, however many subscriptions are on it.

    Without a moment it is now, with the rehearsals of what enters in the half hour to come.
    """
    now = ports.clock()
    at = wanted.at or now
    found = ports.rehearsals.between(tenant, at, wanted.at or now + AHEAD)
    rehearsals = [each for each in found if wanted.template_id in {None, each.template_id}]
    page = ports.subscriptions.of_partner(
        tenant,
        SubscriptionFilter(
            status=Status.ACTIVE, template_id=wanted.template_id, limit=wanted.limit, next_token=wanted.next_token
        ),
    )
    accounts = ports.accounts.many((each.user_id, share.client_id) for each in page.items for share in each.allocations)
    offered = {basket.basket_id: basket.as_of(day_of(at)) for basket in ports.baskets.listed()}
    square_offs = ports.calendar.square_offs(day_of(at))
    data = ports.calendar.data
    known = _Known(at, data, offered, accounts, ports.halts.list(), square_offs, _shut(rehearsals), _said(rehearsals))
    return Readiness(at, rehearsals, [_outlook(each, known) for each in page.items], page.next_token)


def _shut(rehearsals: Sequence[Rehearsal]) -> dict[tuple[str, str], str]:
    """Why a template cannot be traded at a venue, where a rehearsal found it out."""
    return {(each.template_id, venue): reason for each in rehearsals for venue, reason in each.venues.items()}


def _said(rehearsals: Sequence[Rehearsal]) -> dict[str, str]:
    """What brokers said of accounts in a rehearsal, by subscription and client id."""
    return {name: reason for each in rehearsals for name, reason in each.accounts.items()}


class _Known(NamedTuple):
    """What the subscriptions of a page are judged by."""

    at: datetime
    data: MarketData
    offered: Mapping[str, Basket]
    accounts: Accounts
    halts: Sequence[Halt]
    square_offs: SquareOffs
    shut: Mapping[tuple[str, str], str]
    said: Mapping[str, str]


def _outlook(subscription: Subscription, known: _Known) -> Outlook:
    general = _general(subscription, known)
    basket = known.offered.get(subscription.template_id)
    oversized = {} if basket is None else caps(basket, day_of(known.at), known.data)(subscription.allocations)
    reasons = {
        each.client_id: reason
        for each in subscription.allocations
        if (reason := general or oversized.get(each.allocation_id) or _of_account(subscription, each, known))
    }
    return Outlook(subscription, reasons)


def _general(subscription: Subscription, known: _Known) -> str | None:
    """What stops a subscription whatever its accounts are."""
    if subscription.template_id not in known.offered:
        return "template_withdrawn"
    partner_id = Tenant.of(subscription.tenant).partner_id
    trade = Trade(partner_id, subscription.template_id, subscription.user_id)
    return HALTED if halted(known.halts, trade, known.at) else None


def _of_account(subscription: Subscription, share: Allocation, known: _Known) -> str | None:
    account = known.accounts.get((subscription.user_id, share.client_id))
    entering = entering_from(known.offered[subscription.template_id], known.at)
    intraday = last_intraday_exit(entering, known.at)
    late = TOO_LATE if closes_first(known.square_offs, share.broker_id, intraday) else None
    shut = known.shut.get((subscription.template_id, str(Venue.of(subscription.tenant, share))))
    said = known.said.get(f"{subscription.subscription_id}#{share.client_id}")
    return in_the_way(account, known.at, last_exit(entering, known.at)) or late or shut or said

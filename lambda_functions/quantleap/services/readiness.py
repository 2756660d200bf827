"""Whether a partner's subscriptions could trade at a moment, and what stands in the way of those that could not."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from quantleap.domain.account import BrokerAccount
from quantleap.domain.basket import Basket
from quantleap.domain.clock import Clock
from quantleap.domain.halts import Halt, Trade, halted
from quantleap.domain.partner import Tenant
from quantleap.domain.ports import Baskets, BrokerAccounts, Halts, Subscriptions
from quantleap.domain.subscription import ReadinessFilter, Status, Subscription, SubscriptionFilter

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
    """A page of subscriptions as they would fare at a moment, with counts of that page."""

    at: datetime
    outlooks: Sequence[Outlook]
    next_token: str | None

    @property
    def reasons(self) -> Mapping[str, int]:
        """How many subscriptions each reason keeps from trading."""
        return dict(Counter(reason for each in self.outlooks for reason in set(each.reasons.values())))


def readiness(
    subscriptions: Subscriptions,
    accounts: BrokerAccounts,
    baskets: Baskets,
    halts: Halts,
    clock: Clock,
    tenant: Tenant,
    wanted: ReadinessFilter,
) -> Readiness:
    """Ask as the run would ask: four calls for a page, however many subscriptions are on it."""
    at = wanted.at or clock()
    page = subscriptions.of_partner(
        tenant,
        SubscriptionFilter(
            status=Status.ACTIVE, template_id=wanted.template_id, limit=wanted.limit, next_token=wanted.next_token
        ),
    )
    found = accounts.many((each.user_id, share.client_id) for each in page.items for share in each.allocations)
    offered = {basket.basket_id: basket for basket in baskets.listed()}
    standing = halts.list()
    outlooks = [_outlook(each, offered, found, standing, at) for each in page.items]
    return Readiness(at, outlooks, page.next_token)


def _outlook(
    subscription: Subscription,
    offered: Mapping[str, Basket],
    accounts: Accounts,
    halts: Sequence[Halt],
    at: datetime,
) -> Outlook:
    general = _general(subscription, offered, halts, at)
    reasons = {
        each.client_id: reason
        for each in subscription.allocations
        if (reason := general or _of_account(accounts.get((subscription.user_id, each.client_id)), at))
    }
    return Outlook(subscription, reasons)


def _general(
    subscription: Subscription, offered: Mapping[str, Basket], halts: Sequence[Halt], at: datetime
) -> str | None:
    """What stops a subscription whatever its accounts are."""
    if subscription.template_id not in offered:
        return "template_withdrawn"
    partner_id = Tenant.of(subscription.tenant).partner_id
    trade = Trade(partner_id, subscription.template_id, subscription.user_id)
    return "halted" if halted(halts, trade, at) else None


def _of_account(account: BrokerAccount | None, at: datetime) -> str | None:
    return "broker_account_missing" if account is None else account.not_ready_because(at)

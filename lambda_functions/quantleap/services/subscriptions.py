"""Subscriptions: begun, listed, paused, resumed, cancelled."""

from contextlib import suppress
from decimal import Decimal
from typing import NamedTuple

from quantleap.domain import ids
from quantleap.domain.account import BrokerAccount, User
from quantleap.domain.basket import Basket, Pricing
from quantleap.domain.clock import Clock
from quantleap.domain.errors import InvalidRequest, NotFound
from quantleap.domain.ids import Randomness
from quantleap.domain.money import split
from quantleap.domain.partner import PartnerKey, Tenant
from quantleap.domain.ports import BrokerAccounts, Page, Subscriptions, Users
from quantleap.domain.subscription import (
    Action,
    Allocation,
    Attribution,
    NewSubscription,
    Subscription,
    SubscriptionFilter,
    next_billing_date,
)


class Begun(NamedTuple):
    """A new subscription and the template it follows."""

    subscription: Subscription
    basket: Basket


def subscribe(
    subscriptions: Subscriptions,
    accounts: BrokerAccounts,
    clock: Clock,
    draw: Randomness,
    key: PartnerKey,
    wanted: NewSubscription,
) -> Begun:
    """Let a partner's user follow a template from now on, at the broker account they linked before.

    Three calls: template and user together, the account, and one transaction in which conditions decide.
    """
    basket, user = subscriptions.find(wanted.template_id, key.tenant, wanted.user_email)
    if basket is None or basket.marketplace is None or not basket.visible_to(key.partner_id):
        raise NotFound("No such template")
    account = _account(accounts, user, wanted.broker_client_id)
    begun = _begin(clock, draw, key, wanted, basket, basket.marketplace.pricing, account)
    subscriptions.add(begun)
    return Begun(begun, basket)


def _account(accounts: BrokerAccounts, user: User | None, client_id: str) -> BrokerAccount:
    """The user's account of that client id; a new user's account is linked first, which makes the user too."""
    if user is not None:
        with suppress(NotFound):
            return accounts.get(user.user_id, client_id)
    fix = "The user has no such broker account; create it first with POST /partner/broker-accounts"
    raise InvalidRequest({"broker_client_id": fix}, code="broker_account_missing")


def _begin(
    clock: Clock,
    draw: Randomness,
    key: PartnerKey,
    wanted: NewSubscription,
    basket: Basket,
    pricing: Pricing,
    account: BrokerAccount,
) -> Subscription:
    now = clock()
    allocation = Allocation(
        allocation_id=ids.allocation_id(draw),
        broker_id=account.broker_id,
        client_id=account.client_id,
        lot_multiplier=wanted.lot_multiplier,
    )
    percentage = key.revenue_share.partner_percentage
    share = split(pricing.monthly_fee, percentage)
    return Subscription(
        subscription_id=ids.subscription_id(account.user_id, draw),
        user_id=account.user_id,
        user_email=wanted.user_email,
        user_name=wanted.user_name,
        tenant=key.tenant.key,
        template_id=basket.basket_id,
        template_owner_id=basket.template_owner_id,
        allocations=(allocation,),
        pricing=pricing,
        attribution=Attribution(
            partner_id=key.partner_id,
            partner_api_key_id=key.api_key_id,
            commission_rate=percentage / Decimal(100),
            monthly_commission=share.partner,
            platform_fee=share.platform,
            billing_start_date=now,
        ),
        subscription_date=now,
        next_billing_date=next_billing_date(now),
        changed_at=now,
    )


def listing(
    subscriptions: Subscriptions, users: Users, tenant: Tenant, wanted: SubscriptionFilter
) -> Page[Subscription]:
    """The tenant's subscriptions, a page at a time, or all of one user's."""
    if wanted.user_email is None:
        return subscriptions.of_partner(tenant, wanted)
    user = users.find(tenant, wanted.user_email)
    if user is None:
        return Page([], None)
    found = subscriptions.of_user(user.user_id, wanted.status)
    return Page([each for each in found if wanted.template_id in {None, each.template_id}], None)


def one(subscriptions: Subscriptions, tenant: Tenant, subscription_id: str) -> Subscription:
    """A subscription, if it is the tenant's."""
    found = subscriptions.get(subscription_id)
    if found.tenant != tenant.key:
        raise NotFound("No such subscription")
    return found


def pause(subscriptions: Subscriptions, clock: Clock, tenant: Tenant, subscription_id: str) -> Subscription:
    """Skip every boundary from now on, until it is resumed."""
    return subscriptions.move(subscription_id, tenant, Action.PAUSE, clock())


def resume(subscriptions: Subscriptions, clock: Clock, tenant: Tenant, subscription_id: str) -> Subscription:
    """Execute again from the next boundary on."""
    return subscriptions.move(subscription_id, tenant, Action.RESUME, clock())


def cancel(subscriptions: Subscriptions, clock: Clock, tenant: Tenant, subscription_id: str) -> Subscription:
    """End it for good; the user may subscribe to the template anew."""
    cancelled = one(subscriptions, tenant, subscription_id).after(Action.CANCEL, clock())
    subscriptions.cancel(cancelled)
    return cancelled

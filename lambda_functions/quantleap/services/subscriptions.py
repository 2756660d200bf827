"""Subscriptions: begun, listed, shown, changed, paused, resumed, cancelled."""

from collections.abc import Container, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple, Self

from quantleap.domain import ids
from quantleap.domain.account import BrokerAccount, Person
from quantleap.domain.basket import Basket, Pricing, PricingType
from quantleap.domain.clock import Clock
from quantleap.domain.errors import AlreadySubscribed, Conflict, InvalidRequest, NotFound
from quantleap.domain.ids import Randomness
from quantleap.domain.market_data import MarketData
from quantleap.domain.money import split
from quantleap.domain.partner import PartnerKey, Tenant
from quantleap.domain.ports import Baskets, BrokerAccounts, Page, Subscriptions, Users
from quantleap.domain.rate import day_of
from quantleap.domain.sessions import Calendar
from quantleap.domain.sharding import shard_of
from quantleap.domain.sizing import Size, excesses, size_of
from quantleap.domain.square_off import closes_first, last_intraday_exit
from quantleap.domain.subscription import (
    Action,
    Allocation,
    Attribution,
    NewSubscription,
    OwnFilter,
    OwnSubscription,
    Share,
    Subscription,
    SubscriptionChange,
    SubscriptionFilter,
    next_billing_date,
)

LINK_FIRST = (
    "The user has no such broker account; create it first with POST /partner/broker-accounts, "
    "or somebody who signed in with POST /user/broker-accounts"
)


class Begun(NamedTuple):
    """A new subscription and the template it follows."""

    subscription: Subscription
    basket: Basket


class Shown(NamedTuple):
    """A subscription and the template it follows, None once that is deleted."""

    subscription: Subscription
    basket: Basket | None


class Seller(NamedTuple):
    """Who brings a subscription and what it earns of the fee; the platform itself earns no commission."""

    tenant: Tenant
    api_key_id: str | None
    percentage: Decimal

    @classmethod
    def of(cls, key: PartnerKey) -> Self:
        """The partner a key belongs to."""
        return cls(key.tenant, key.api_key_id, key.revenue_share.partner_percentage)

    @classmethod
    def platform(cls, tenant: Tenant) -> Self:
        """Those who come by themselves."""
        return cls(tenant, None, Decimal(0))


class Wish(NamedTuple):
    """Who subscribes, with how much; the address is the one they are known by."""

    email: str
    name: str | None
    lot_multiplier: Decimal


class Ports(NamedTuple):
    """What subscriptions need."""

    subscriptions: Subscriptions
    accounts: BrokerAccounts
    baskets: Baskets
    clock: Clock
    draw: Randomness
    calendar: Calendar


def subscribe(
    subscriptions: Subscriptions,
    accounts: BrokerAccounts,
    calendar: Calendar,
    clock: Clock,
    draw: Randomness,
    key: PartnerKey,
    wanted: NewSubscription,
) -> Begun:
    """Let a partner's user follow a template from now on, at the broker account they linked before.

    Three calls: template and user together, the account, and one transaction in which conditions decide.
    """
    basket, user = subscriptions.find(wanted.template_id, key.tenant, wanted.user_email)
    offered = _offered(basket, key.partner_id)
    account = _account(accounts, user.user_id if user else None, wanted.broker_client_id)
    _require_in_time(calendar, clock, offered, {"broker_client_id": account.broker_id})
    wish = Wish(wanted.user_email, wanted.user_name, wanted.lot_multiplier)
    begun = _begin(clock, draw, calendar.data, Seller.of(key), wish, offered, account)
    return Begun(_stored(subscriptions, begun), offered)


def subscribe_oneself(ports: Ports, person: Person, template_id: str, wanted: OwnSubscription) -> Begun:
    """Let somebody who signed in follow a public template."""
    basket = _offered(ports.baskets.get(template_id), None)
    account = _own_account(ports.accounts, person.user_id, wanted.broker_client_id)
    _require_in_time(ports.calendar, ports.clock, basket, {"broker_client_id": account.broker_id})
    wish = Wish(person.email, person.name, wanted.lot_multiplier)
    begun = _begin(ports.clock, ports.draw, ports.calendar.data, Seller.platform(person.tenant), wish, basket, account)
    return Begun(_stored(ports.subscriptions, begun), basket)


def _stored(subscriptions: Subscriptions, begun: Subscription) -> Subscription:
    """The subscription in the store: this one, or what the same request stored before and nobody was told of."""
    try:
        subscriptions.add(begun)
    except AlreadySubscribed as refusal:
        if refusal.subscription_id != begun.subscription_id:
            raise
        return subscriptions.get(begun.subscription_id)
    return begun


def _offered(basket: Basket | None, partner_id: str | None) -> Basket:
    if basket is None or not basket.visible_to(partner_id):
        raise NotFound("No such template")
    return basket


def _account(accounts: BrokerAccounts, user_id: str | None, client_id: str) -> BrokerAccount:
    """The user's account of that client id; a new user's account is linked first, which makes the user too."""
    if user_id is not None:
        with suppress(NotFound):
            return accounts.get(user_id, client_id)
    raise InvalidRequest({"broker_client_id": LINK_FIRST}, code="broker_account_missing")


def _own_account(accounts: BrokerAccounts, user_id: str, client_id: str | None) -> BrokerAccount:
    """The account somebody names, or the only one they have."""
    if client_id is not None:
        return _account(accounts, user_id, client_id)
    held = accounts.of_user(user_id)
    if not held:
        raise InvalidRequest({"broker_client_id": LINK_FIRST}, code="broker_account_missing")
    if len(held) > 1:
        raise InvalidRequest({"broker_client_id": "There are several broker accounts; name one"})
    return held[0]


def _begin(
    clock: Clock,
    draw: Randomness,
    data: MarketData,
    seller: Seller,
    wish: Wish,
    basket: Basket,
    account: BrokerAccount,
) -> Subscription:
    now = clock()
    _require_size({"lot_multiplier": Size(wish.lot_multiplier)}, basket, now, data)
    pricing = Pricing(type=PricingType.FREE) if basket.marketplace is None else basket.marketplace.pricing
    allocation = Allocation(
        allocation_id=ids.allocation_id(draw),
        broker_id=account.broker_id,
        client_id=account.client_id,
        lot_multiplier=wish.lot_multiplier,
    )
    share = split(pricing.monthly_fee, seller.percentage)
    subscription_id = ids.subscription_id(account.user_id, basket.basket_id, draw)
    return Subscription(
        subscription_id=subscription_id,
        user_id=account.user_id,
        user_email=wish.email,
        user_name=wish.name,
        tenant=seller.tenant.key,
        template_id=basket.basket_id,
        template_owner_id=basket.template_owner_id,
        index_shard=shard_of(subscription_id, basket.subscriber_shards),
        allocations=(allocation,),
        pricing=pricing,
        attribution=Attribution(
            partner_id=seller.tenant.partner_id,
            partner_api_key_id=seller.api_key_id,
            commission_rate=seller.percentage / Decimal(100),
            monthly_commission=share.partner,
            platform_fee=share.platform,
            billing_start_date=now,
        ),
        subscription_date=now,
        next_billing_date=next_billing_date(now),
        changed_at=now,
    )


def _require_in_time(calendar: Calendar, clock: Clock, basket: Basket, brokers: Mapping[str, str]) -> None:
    """Refuse accounts whose broker closes intraday positions before the template does, by where they are named."""
    now = clock()
    leaves = last_intraday_exit(basket.strategies, now)
    square_offs = calendar.square_offs(day_of(now))
    for path, broker_id in brokers.items():
        if closes_first(square_offs, broker_id, leaves):
            hour = square_offs[broker_id].at
            raise Conflict(
                f"{path}: {broker_id} closes intraday positions itself from {hour:%H:%M} on, before the template does",
                code="exit_after_square_off",
            )


def _require_size(sizes: Mapping[str, Size], basket: Basket, at: datetime, data: MarketData) -> None:
    """Refuse lots the template or an account's orders in a second do not allow, by path."""
    found = zip(sizes, excesses(basket, [*sizes.values()], day_of(at), data), strict=True)
    complaints = {path: excess.words for path, excess in found if excess is not None}
    if complaints:
        raise InvalidRequest(complaints)


def change(ports: Ports, tenant: Tenant, subscription_id: str, wanted: SubscriptionChange) -> Shown:
    """Change accounts and lots, from the next boundary on that is not being prepared yet.

    Nothing is written where nothing differs.
    """
    was, basket, accounts = ports.subscriptions.whole(subscription_id, wanted.client_ids)
    _require_tenant(was, tenant)
    if basket is None:
        raise NotFound("No such template")
    now, shares = ports.clock(), was.shares(wanted)
    brokers = {each.client_id: each.broker_id for each in was.allocations}
    brokers |= {name: account.broker_id for name, account in accounts.items()}
    paths, data = _paths(wanted, shares), ports.calendar.data
    sizes = {f"{path}lot_multiplier": size_of(share) for path, share in paths.items()}
    _require_size(sizes, basket, now, data)
    _require_linked(brokers, paths)
    kept = {each.client_id: each.allocation_id for each in was.allocations}
    added = {path: share.client_id for path, share in paths.items() if share.client_id not in kept}
    named = {f"{path}client_id" if path else "broker_client_id": brokers[client] for path, client in added.items()}
    _require_in_time(ports.calendar, ports.clock, basket, named)
    allocations = tuple(
        Allocation(
            allocation_id=kept.get(share.client_id) or ids.allocation_id(ports.draw),
            broker_id=brokers[share.client_id],
            **dict(share),
        )
        for share in shares
    )
    changed = was.split(allocations, now)
    if allocations == was.allocations:
        return Shown(was, basket)
    ports.subscriptions.split(changed, was=was)
    return Shown(changed, basket)


def _paths(wanted: SubscriptionChange, shares: Sequence[Share]) -> Mapping[str, Share]:
    """Each part of the split, by where its fields stand in the request."""
    if wanted.allocations is None:
        return {"": shares[0]}
    return {f"allocations[{number}].": share for number, share in enumerate(shares)}


def _require_linked(accounts: Container[str], paths: Mapping[str, Share]) -> None:
    """Refuse accounts the user does not have, by path."""
    missing = {
        f"{path}client_id" if path else "broker_client_id": LINK_FIRST
        for path, share in paths.items()
        if share.client_id not in accounts
    }
    if missing:
        raise InvalidRequest(missing, code="broker_account_missing")


def detail(ports: Ports, tenant: Tenant, subscription_id: str) -> Shown:
    """A subscription with what it comes to: the template's part, and the user's."""
    found, basket, _ = ports.subscriptions.whole(subscription_id)
    return Shown(_require_tenant(found, tenant), basket)


def of_person(subscriptions: Subscriptions, person: Person, wanted: OwnFilter) -> Sequence[Subscription]:
    """Somebody's own subscriptions."""
    found = subscriptions.of_user(person.user_id, wanted.status)
    return [each for each in found if wanted.template_id in {None, each.template_id}]


def require_own(person: Person, subscription_id: str) -> str:
    """The id again, if the subscription is that person's; whose it is stands in the id."""
    named = ids.named_by(subscription_id)
    if named is None or named.user_id != person.user_id:
        raise NotFound("No such subscription")
    return subscription_id


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
    return _require_tenant(subscriptions.get(subscription_id), tenant)


def _require_tenant(found: Subscription, tenant: Tenant) -> Subscription:
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

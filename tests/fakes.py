"""Stores that keep things in memory and refuse what the real ones refuse, and builders of the usual case."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from quantleap.domain.account import BrokerAccount, Credentials, NewBrokerAccount, OAuthState, Session, User
from quantleap.domain.basket import Basket, Leg, MarketplaceConfig, Pricing, PricingType, Side, Strategy, StrikeRule
from quantleap.domain.broker import Answer, Broker, BrokerFailure, Request
from quantleap.domain.contracts import Index, Right
from quantleap.domain.errors import AlreadySubscribed, Conflict, InvalidRequest, NotFound
from quantleap.domain.execution import Due, Seat
from quantleap.domain.ids import PLATFORM_OWNER
from quantleap.domain.partner import Environment, PartnerKey, RevenueShare, Tenant
from quantleap.domain.ports import (
    Baskets,
    BrokerAccounts,
    Found,
    Known,
    Logins,
    Page,
    PartnerKeys,
    Subscriptions,
    Users,
)
from quantleap.domain.subscription import (
    Action,
    Allocation,
    Attribution,
    Status,
    Subscription,
    SubscriptionFilter,
    next_billing_date,
)

NINE_TWENTY = datetime(2026, 11, 23, 3, 50, tzinfo=UTC)
"""09:20 on a Monday, IST."""

ZEBU = Tenant("zebu", Environment.TEST)
OTHERS = Tenant("acme", Environment.TEST)
ASHA = "usr_00000000000000000asha"
ASHAS_MAIL = "asha@example.com"
TEMPLATE = "bsk_condor0000000000"


class Clock:
    """Stands still until it is told otherwise."""

    def __init__(self, now: datetime = NINE_TWENTY) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def passes(self, **time: float) -> None:
        self.now += timedelta(**time)


def counting() -> Callable[[str, int], str]:
    """Draws 000...1, 000...2, and so on, in the digits every alphabet of ours has."""
    numbers = count(1)
    return lambda _alphabet, length: str(next(numbers)).zfill(length)


def a_strategy(**changes: Any) -> Strategy:
    def leg(side: Side, right: Right, offset: int) -> Leg:
        return Leg(side=side, right=right, strike=StrikeRule(offset=offset))

    usual = Strategy(
        index=Index.NIFTY,
        entry_time=time(9, 20),
        exit_time=time(15, 15),
        legs=(
            leg(Side.SELL, Right.CE, 4),
            leg(Side.SELL, Right.PE, -4),
            leg(Side.BUY, Right.CE, 8),
            leg(Side.BUY, Right.PE, -8),
        ),
    )
    return Strategy.model_validate({**dict(usual), **changes})


def a_basket(**changes: Any) -> Basket:
    usual = Basket(
        name="Iron Condor Weekly",
        category="INCOME",
        strategies=(a_strategy(),),
        basket_id=TEMPLATE,
        template_owner_id=PLATFORM_OWNER,
        created_by="admin",
        created_at=NINE_TWENTY,
        updated_at=NINE_TWENTY,
    )
    return Basket.model_validate({**dict(usual), **changes})


def paid(fee: str = "999") -> Pricing:
    return Pricing(type=PricingType.PAID, monthly_fee=Decimal(fee))


def a_template(**changes: Any) -> Basket:
    return a_basket(**{"marketplace": MarketplaceConfig(pricing=paid()), **changes})


def a_key(**changes: Any) -> PartnerKey:
    usual = PartnerKey(
        partner_id="zebu",
        partner_name="Zebu Securities",
        broker_id="zebu",
        revenue_share=RevenueShare(),
        api_key_id="key_zebu",
        api_key="pk_zebu_test_" + "k" * 32,
        secret_hash="hash of sk_zebu_test_" + "s" * 48,
        created_by="admin",
        created_at=NINE_TWENTY,
    )
    return PartnerKey.model_validate({**dict(usual), **changes})


def a_user(**changes: Any) -> User:
    usual = User(user_id=ASHA, tenant=ZEBU.key, email=ASHAS_MAIL, created_at=NINE_TWENTY)
    return User.model_validate({**dict(usual), **changes})


def an_account(**changes: Any) -> BrokerAccount:
    usual = BrokerAccount(
        user_id=ASHA,
        tenant=ZEBU.key,
        client_id="ZEBU123",
        broker_id="zebu",
        environment=Environment.TEST,
        created_at=NINE_TWENTY,
    )
    return BrokerAccount.model_validate({**dict(usual), **changes})


def a_new_account(**changes: Any) -> NewBrokerAccount:
    fields = {
        "user_email": ASHAS_MAIL,
        "broker_name": "zebu",
        "client_id": "ZEBU123",
        "api_key": "app",
        "api_secret": "app secret",
    }
    return NewBrokerAccount.model_validate({**fields, **changes})


def a_subscription(number: int = 1, **changes: Any) -> Subscription:
    user_id = str(changes.get("user_id", ASHA))
    usual = Subscription(
        subscription_id=f"sub_{user_id.removeprefix('usr_')}{number:016}",
        user_id=ASHA,
        user_email=ASHAS_MAIL,
        tenant=ZEBU.key,
        template_id=TEMPLATE,
        template_owner_id=PLATFORM_OWNER,
        allocations=(Allocation(allocation_id=f"alloc_{number:016}", broker_id="zebu", client_id="ZEBU123"),),
        pricing=paid(),
        attribution=Attribution(
            partner_id="zebu",
            partner_api_key_id="key_zebu",
            commission_rate=Decimal("0.30"),
            monthly_commission=Decimal("299.70"),
            platform_fee=Decimal("699.30"),
            billing_start_date=NINE_TWENTY,
        ),
        subscription_date=NINE_TWENTY,
        next_billing_date=next_billing_date(NINE_TWENTY),
        changed_at=NINE_TWENTY,
    )
    return Subscription.model_validate({**dict(usual), **changes})


class FakePartnerKeys:
    def __init__(self, *held: PartnerKey) -> None:
        self.held = {key.api_key_id: key for key in held}
        self.reads = 0

    def add(self, key: PartnerKey) -> None:
        self.held[key.api_key_id] = key

    def get(self, api_key_id: str) -> PartnerKey:
        self.reads += 1
        try:
            return self.held[api_key_id]
        except KeyError:
            raise NotFound("No such API key") from None

    def save(self, key: PartnerKey) -> None:
        if self.held[key.api_key_id].version != key.version - 1:
            raise Conflict("changed meanwhile")
        self.held[key.api_key_id] = key

    def list(self) -> Sequence[PartnerKey]:
        return sorted(self.held.values(), key=lambda key: key.created_at, reverse=True)


class FakeHasher:
    """Counts how often it was put to work."""

    def __init__(self) -> None:
        self.checks = 0

    def hash(self, secret: str) -> str:
        return f"hash of {secret}"

    def matches(self, secret: str, stored: str) -> bool:
        self.checks += 1
        return stored == f"hash of {secret}"


class FakeBaskets:
    def __init__(self, *held: Basket) -> None:
        self.held = {basket.basket_id: basket for basket in held}

    def add(self, basket: Basket) -> None:
        self.held[basket.basket_id] = basket

    def get(self, basket_id: str) -> Basket:
        try:
            return self.held[basket_id]
        except KeyError:
            raise NotFound("No such template") from None

    def save(self, basket: Basket, *, was: Basket) -> None:
        now = self.held[basket.basket_id]
        if now.version != was.version:
            raise Conflict("changed meanwhile")
        self.held[basket.basket_id] = basket.model_copy(update={"subscriber_count": now.subscriber_count})

    def list(self) -> Sequence[Basket]:
        return sorted(self.held.values(), key=lambda basket: basket.created_at, reverse=True)

    def listed(self) -> Sequence[Basket]:
        offered = [basket for basket in self.held.values() if basket.marketplace is not None]
        return sorted(offered, key=lambda basket: basket.subscriber_count, reverse=True)

    def due(self, slot: str) -> Sequence[tuple[str, tuple[int, ...]]]:
        return [(b.basket_id, b.slots()[slot]) for b in self.listed() if slot in b.slots()]


class FakeUsers:
    def __init__(self, *held: User) -> None:
        self.held = {(user.tenant, user.email): user for user in held}

    def find(self, tenant: Tenant, email: str) -> User | None:
        return self.held.get((tenant.key, email))

    def many(self, user_ids: Iterable[str]) -> Mapping[str, User]:
        wanted = set(user_ids)
        return {user.user_id: user for user in self.held.values() if user.user_id in wanted}


class FakeAccounts:
    def __init__(self, users: FakeUsers, *held: BrokerAccount) -> None:
        self._users = users
        self.held = {(account.user_id, account.client_id): account for account in held}

    def _owners(self, tenant: Tenant) -> dict[str, str]:
        return {a.client_id: a.user_id for a in self.held.values() if a.tenant == tenant.key}

    def known(self, tenant: Tenant, email: str, client_id: str) -> Known:
        return Known(self._users.find(tenant, email), self._owners(tenant).get(client_id))

    def add(self, account: BrokerAccount, user: User, *, new_user: bool) -> None:
        tenant = Tenant.of(account.tenant)
        if account.client_id in self._owners(tenant) or (new_user and self._users.find(tenant, user.email)):
            raise Conflict("added meanwhile")
        self._users.held[user.tenant, user.email] = user
        self.held[account.user_id, account.client_id] = account

    def get(self, user_id: str, client_id: str) -> BrokerAccount:
        try:
            return self.held[user_id, client_id]
        except KeyError:
            raise NotFound("No such broker account") from None

    def save(self, account: BrokerAccount) -> None:
        if self.held[account.user_id, account.client_id].version != account.version - 1:
            raise Conflict("changed meanwhile")
        self.held[account.user_id, account.client_id] = account

    def owner(self, tenant: Tenant, client_id: str) -> str:
        try:
            return self._owners(tenant)[client_id]
        except KeyError:
            raise NotFound("No such broker account") from None

    def of_user(self, user_id: str) -> Sequence[BrokerAccount]:
        return [account for account in self.held.values() if account.user_id == user_id]

    def of_tenant(self, tenant: Tenant, limit: int, token: str | None) -> Page[BrokerAccount]:
        mine = sorted((a for a in self.held.values() if a.tenant == tenant.key), key=lambda a: a.client_id)
        left = [account for account in mine if token is None or account.client_id > token]
        return Page(left[:limit], left[limit - 1].client_id if len(left) > limit else None)

    def many(self, names: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], BrokerAccount]:
        return {name: self.held[name] for name in names if name in self.held}


class FakeLogins:
    def __init__(self) -> None:
        self.held: dict[str, OAuthState] = {}

    def start(self, state: OAuthState) -> None:
        self.held[state.state] = state

    def take(self, state: str) -> OAuthState | None:
        return self.held.pop(state, None)


class FakeVault:
    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], Credentials] = {}
        self.opened: dict[tuple[str, str], Session] = {}

    def put_credentials(self, user_id: str, client_id: str, credentials: Credentials) -> None:
        self.kept[user_id, client_id] = credentials

    def credentials(self, user_id: str, client_id: str) -> Credentials:
        try:
            return self.kept[user_id, client_id]
        except KeyError:
            raise NotFound("No credentials") from None

    def forget(self, user_id: str, client_id: str) -> None:
        self.kept.pop((user_id, client_id), None)
        self.opened.pop((user_id, client_id), None)

    def put_session(self, user_id: str, session: Session) -> None:
        self.opened[user_id, session.client_id] = session

    def sessions(self, names: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], Session]:
        return {name: self.opened[name] for name in names if name in self.opened}


class FakeSubscriptions:
    def __init__(self, baskets: FakeBaskets, users: FakeUsers, accounts: FakeAccounts) -> None:
        self._baskets = baskets
        self._users = users
        self._accounts = accounts
        self.held: dict[str, Subscription] = {}

    def find(self, template_id: str, tenant: Tenant, email: str) -> Found:
        return Found(self._baskets.held.get(template_id), self._users.find(tenant, email))

    def add(self, subscription: Subscription) -> None:
        for other in self._living(subscription.template_id):
            if other.user_id == subscription.user_id:
                raise AlreadySubscribed(other.subscription_id)
        basket = self._baskets.held[subscription.template_id]
        if basket.marketplace is None:
            raise Conflict("withdrawn", code="template_withdrawn")
        for each in subscription.allocations:
            account = self._accounts.get(subscription.user_id, each.client_id)
            if account.account_status != "enabled":
                raise Conflict("disabled", code="broker_account_disabled")
        self._count(subscription.template_id, 1)
        self.held[subscription.subscription_id] = subscription

    def _living(self, template_id: str) -> list[Subscription]:
        mine = (each for each in self.held.values() if each.template_id == template_id)
        return [each for each in mine if each.status is not Status.CANCELLED]

    def _count(self, template_id: str, by: int) -> None:
        basket = self._baskets.held[template_id]
        update = {"subscriber_count": basket.subscriber_count + by}
        self._baskets.held[template_id] = basket.model_copy(update=update)

    def get(self, subscription_id: str) -> Subscription:
        try:
            return self.held[subscription_id]
        except KeyError:
            raise NotFound("No such subscription") from None

    def move(self, subscription_id: str, tenant: Tenant, action: Action, at: datetime) -> Subscription:
        found = self.get(subscription_id)
        if found.tenant != tenant.key:
            raise NotFound("No such subscription")
        self.held[subscription_id] = found.after(action, at)
        return self.held[subscription_id]

    def cancel(self, cancelled: Subscription) -> None:
        if self.held[cancelled.subscription_id].version != cancelled.version - 1:
            raise Conflict("changed meanwhile")
        self.held[cancelled.subscription_id] = cancelled
        self._count(cancelled.template_id, -1)

    def of_partner(self, tenant: Tenant, wanted: SubscriptionFilter) -> Page[Subscription]:
        mine = [
            each
            for each in sorted(self.held.values(), key=_newest, reverse=True)
            if each.tenant == tenant.key
            and wanted.status in {None, each.status}
            and wanted.template_id in {None, each.template_id}
        ]
        start = int(wanted.next_token or 0)
        end = start + wanted.limit
        return Page(mine[start:end], str(end) if end < len(mine) else None)

    def of_user(self, user_id: str, status: Status | None) -> Sequence[Subscription]:
        mine = [each for each in self.held.values() if each.user_id == user_id]
        return sorted((each for each in mine if status in {None, each.status}), key=_newest, reverse=True)

    def seats(self, template_id: str) -> Sequence[Seat]:
        return [
            Seat(each.subscription_id, each.user_id, each.tenant, each.status, each.allocations)
            for each in self._living(template_id)
        ]

    def statuses(self, names: Iterable[tuple[str, str]]) -> Mapping[str, str]:
        return {name: self.held[name].status for _, name in names if name in self.held}


def _newest(subscription: Subscription) -> tuple[str, datetime, str]:
    return subscription.status, subscription.changed_at, subscription.subscription_id


class FakeStarter:
    def __init__(self) -> None:
        self.started: dict[str, Mapping[str, object]] = {}

    def start(self, due: Due, request: Mapping[str, object]) -> None:
        self.started.setdefault(due.run_id, request)


@dataclass
class FakeBroker:
    """Logs in whoever comes with the right code; a failure can be planted."""

    name: str = "zebu"
    client_id: str = "ZEBU123"
    failure: BrokerFailure | None = None

    def login_url(self, credentials: Credentials, state: str) -> str:
        return f"https://broker.example/login?app={credentials.api_key}&state={state}"

    def exchange(self, credentials: Credentials, client_id: str, code: str) -> Request:
        return Request("POST", "https://broker.example", f"/token/{code}", {}, b"")

    def session(self, answer: Answer, at: datetime) -> Session:
        if self.failure is not None:
            raise self.failure
        return Session(access_token="token", client_id=self.client_id, expires_at=at + timedelta(hours=8))


@dataclass
class FakeBrokers:
    """One broker, in every environment."""

    one: Any = field(default_factory=FakeBroker)

    def broker(self, broker_id: str, environment: Environment) -> Broker:
        if broker_id != self.one.name:
            raise InvalidRequest({"broker_name": "Unknown broker"})
        found: Broker = self.one
        return found


@dataclass
class FakeHttp:
    """Answers everything with 200, or fails as planted."""

    failure: BrokerFailure | None = None
    sent: list[Request] = field(default_factory=list)

    def send(self, request: Request, *, timeout_s: float = 10) -> Answer:
        self.sent.append(request)
        if self.failure is not None:
            raise self.failure
        return Answer(200, {}, b"{}")


@dataclass
class Stores:
    """All stores of a marketplace, joined to each other."""

    baskets: Baskets
    users: Users
    accounts: BrokerAccounts
    subscriptions: Subscriptions
    keys: PartnerKeys
    logins: Logins


def in_memory() -> Stores:
    baskets, users = FakeBaskets(), FakeUsers()
    accounts = FakeAccounts(users)
    return Stores(
        baskets, users, accounts, FakeSubscriptions(baskets, users, accounts), FakePartnerKeys(), FakeLogins()
    )


def a_market(stores: Stores) -> Stores:
    """One template on offer, and one user who linked an account."""
    stores.baskets.add(a_template())
    stores.accounts.add(an_account(), a_user(), new_user=True)
    return stores

"""Stores that keep things in memory and refuse what the real ones refuse."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from threading import Lock
from typing import Any

from quantleap.adapters.brokers.zebu import Zebu
from quantleap.domain import rate
from quantleap.domain.account import BrokerAccount, Credentials, FinishedLogin, OAuthState, Session, User
from quantleap.domain.basket import Basket, BasketVersion
from quantleap.domain.broker import Answer, Broker, BrokerFailure, Request
from quantleap.domain.capabilities import Capability
from quantleap.domain.clock import Clock
from quantleap.domain.deep_links import DeepLink
from quantleap.domain.errors import AlreadySubscribed, Conflict, InvalidRequest, NotFound, Unavailable
from quantleap.domain.events import Happening
from quantleap.domain.execution import Due, Plan, Report, Scheduled, Seat, Ticket, Tickets
from quantleap.domain.halts import Halt
from quantleap.domain.idempotency import KEPT, LEASE, Attempt, Record
from quantleap.domain.partner import Environment, PartnerKey, RateLimits, Tenant
from quantleap.domain.ports import (
    Baskets,
    BrokerAccounts,
    Found,
    Halts,
    IdempotencyRecords,
    Known,
    Logins,
    Page,
    PartnerKeys,
    RateBuckets,
    Subscriptions,
    Users,
    Whole,
)
from quantleap.domain.rate import Bucket, Counted, DayUsage
from quantleap.domain.subscription import (
    Action,
    Status,
    Subscription,
    SubscriptionFilter,
)
from tests.builders import NINE_TWENTY, a_template, a_user, an_account


class FakePartnerKeys:
    def __init__(self, *held: PartnerKey) -> None:
        self.held = {key.api_key_id: key for key in held}
        self.reads = 0

    def add(self, key: PartnerKey) -> None:
        if key.api_key_id in self.held:
            raise Conflict("there already")
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


class FakeRateBuckets:
    """Counts under a lock, as the table does under its conditions; `failing` is a table that does not answer."""

    def __init__(self) -> None:
        self.failing = False
        self._buckets: dict[str, Bucket] = {}
        self._days: dict[tuple[str, date], DayUsage] = {}
        self._lock = Lock()

    def count(self, api_key_id: str, limits: RateLimits, route: str, at: datetime) -> Counted:
        if self.failing:
            raise Unavailable("cannot count", code="rate_counter_unavailable")
        with self._lock:
            day = self._days.get((api_key_id, rate.day_of(at))) or DayUsage(rate.day_of(at), 0, {}, at)
            bucket = self._buckets.get(api_key_id, Bucket())._replace(used=day.requests)
            refusal = rate.refusal(bucket, limits, at)
            if refusal is None:
                bucket = self._buckets[api_key_id] = rate.after_one(bucket, limits, at)
                routes = {**day.routes, route: day.routes.get(route, 0) + 1}
                self._days[api_key_id, day.day] = DayUsage(day.day, bucket.used, routes, at)
            return Counted(rate.standing(bucket, limits, at), refusal)

    def usage(self, api_key_id: str, first: date, last: date) -> Sequence[DayUsage]:
        mine = [usage for (key, day), usage in self._days.items() if key == api_key_id and first <= day <= last]
        return sorted(mine, key=lambda usage: usage.day, reverse=True)


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
    def __init__(self, *held: Basket, clock: Clock = lambda: NINE_TWENTY) -> None:
        self.held: dict[str, Basket] = {}
        self.states: dict[tuple[str, int], BasketVersion] = {}
        self.clock = clock
        for basket in held:
            self.add(basket)

    def add(self, basket: Basket) -> None:
        if basket.basket_id in self.held:
            raise Conflict("there already")
        self.held[basket.basket_id] = basket
        self.states[basket.basket_id, 1] = basket.first

    def get(self, basket_id: str) -> Basket:
        try:
            return self.held[basket_id].as_of(rate.day_of(self.clock()))
        except KeyError:
            raise NotFound("No such template") from None

    def many(self, basket_ids: Iterable[str]) -> Mapping[str, Basket]:
        return {basket_id: self.get(basket_id) for basket_id in basket_ids if basket_id in self.held}

    def version(self, basket_id: str, number: int) -> BasketVersion:
        try:
            return self.states[basket_id, number]
        except KeyError:
            raise NotFound("No such version") from None

    def versions(self, basket_id: str) -> Sequence[BasketVersion]:
        mine = [version for (name, _), version in self.states.items() if name == basket_id]
        return sorted(mine, key=lambda version: version.number, reverse=True)

    def save(self, basket: Basket, *, was: Basket, written: BasketVersion | None = None) -> None:
        now = self.held[basket.basket_id]
        if now.version != was.version:
            raise Conflict("changed meanwhile")
        self.held[basket.basket_id] = basket.model_copy(update={"subscriber_count": now.subscriber_count})
        if written is not None:
            self.states[basket.basket_id, written.number] = written

    def approve(self, basket: Basket, *, was: Basket, approved: BasketVersion) -> None:
        self.save(basket, was=was, written=approved)

    def remove(self, basket: Basket) -> None:
        now = self.held[basket.basket_id]
        if now.version != basket.version or now.marketplace is not None or now.subscriber_count:
            raise Conflict("changed meanwhile")
        del self.held[basket.basket_id]

    def list(self) -> Sequence[Basket]:
        return sorted(self.held.values(), key=lambda basket: basket.created_at, reverse=True)

    def listed(self) -> Sequence[Basket]:
        offered = [basket for basket in self.held.values() if basket.marketplace is not None]
        return sorted(offered, key=lambda basket: basket.subscriber_count, reverse=True)

    def due(self, slot: str) -> Sequence[Scheduled]:
        return [Scheduled(b.basket_id, b.slots()[slot]) for b in self.listed() if slot in b.slots()]


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
        self.told: list[Happening] = []
        self.traded: Callable[[], Collection[tuple[str, str]]] = tuple

    def _owners(self, tenant: Tenant) -> dict[str, str]:
        return {a.client_id: a.user_id for a in self.held.values() if a.tenant == tenant.key}

    def known(self, tenant: Tenant, email: str, client_id: str) -> Known:
        return Known(self._users.find(tenant, email), self._owners(tenant).get(client_id))

    def known_user(self, tenant: Tenant, user_id: str, client_id: str) -> Known:
        return Known(self._users.many([user_id]).get(user_id), self._owners(tenant).get(client_id))

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

    def save(self, account: BrokerAccount, told: Sequence[Happening] = ()) -> None:
        now = self.held.get((account.user_id, account.client_id))
        if now is None or now.version != account.version - 1:
            raise Conflict("changed meanwhile")
        self.held[account.user_id, account.client_id] = account
        self.told += told

    def remove(self, account: BrokerAccount) -> None:
        key = account.user_id, account.client_id
        if key not in self.held:
            raise NotFound("No such broker account")
        self.refuse_in_use(account)
        if self.held[key].version != account.version:
            raise Conflict("changed meanwhile")
        del self.held[key]

    def refuse_in_use(self, account: BrokerAccount) -> None:
        if (account.user_id, account.client_id) in self.traded():
            raise Conflict("in use", code="broker_account_in_use")

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


class FakeDeepLinks:
    def __init__(self) -> None:
        self.held: dict[str, DeepLink] = {}

    def start(self, token: str, link: DeepLink) -> None:
        self.held[token] = link

    def take(self, token: str) -> DeepLink | None:
        return self.held.pop(token, None)


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
        accounts.traded = self._traded

    def _traded(self) -> set[tuple[str, str]]:
        living = (each for each in self.held.values() if each.status is not Status.CANCELLED)
        return {(each.user_id, allocation.client_id) for each in living for allocation in each.allocations}

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

    def whole(self, subscription_id: str, client_ids: Iterable[str] = ()) -> Whole:
        held = self.get(subscription_id)
        found = self._accounts.many((held.user_id, client_id) for client_id in client_ids)
        basket = self._baskets.held.get(held.template_id)
        return Whole(held, basket, {client_id: account for (_, client_id), account in found.items()})

    def move(self, subscription_id: str, tenant: Tenant, action: Action, at: datetime) -> Subscription:
        found = self.get(subscription_id)
        if found.tenant != tenant.key:
            raise NotFound("No such subscription")
        self.held[subscription_id] = found.after(action, at)
        return self.held[subscription_id]

    def split(self, changed: Subscription, *, was: Subscription) -> None:
        if self.held[changed.subscription_id].version != was.version:
            raise Conflict("changed meanwhile")
        for each in changed.allocations:
            account = self._accounts.get(changed.user_id, each.client_id)
            if each not in was.allocations and account.account_status != "enabled":
                raise Conflict("disabled", code="broker_account_disabled")
        self.held[changed.subscription_id] = changed

    def cancel(self, cancelled: Subscription) -> None:
        if self.held[cancelled.subscription_id].version != cancelled.version - 1:
            raise Conflict("changed meanwhile")
        self.held[cancelled.subscription_id] = cancelled
        self._count(cancelled.template_id, -1)

    def close(self, template_id: str, at: datetime, most: int) -> int:
        closing = self._found(template_id)[:most]
        for each in closing:
            self.cancel(each.after(Action.CANCEL, at))
        return len(closing)

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
            for each in self._found(template_id)
        ]

    def _found(self, template_id: str) -> list[Subscription]:
        """As the index has it: whoever looks into as many shards as the template has."""
        basket = self._baskets.held.get(template_id)
        shards = 1 if basket is None else basket.subscriber_shards
        return [each for each in self._living(template_id) if each.index_shard < shards]

    def statuses(self, names: Iterable[tuple[str, str]]) -> Mapping[str, str]:
        return {name: self.held[name].status for _, name in names if name in self.held}


def _newest(subscription: Subscription) -> tuple[str, datetime, str]:
    return subscription.status, subscription.changed_at, subscription.subscription_id


class FakeIdempotency:
    """`failing` is a table that takes no answer any more."""

    def __init__(self) -> None:
        self.held: dict[str, tuple[Record, datetime]] = {}
        self.failing = False

    def begin(self, attempt: Attempt) -> Record:
        until, seed = attempt.at + KEPT, attempt.token
        if attempt.name in self.held and attempt.at < self.held[attempt.name][1]:
            record, until = self.held[attempt.name]
            if not record.abandoned(attempt):
                return record
            seed = record.seed
        began = Record(
            fingerprint=attempt.fingerprint, token=attempt.token, seed=seed, running_until=attempt.at + LEASE
        )
        self.held[attempt.name] = began, until
        return began

    def finish(self, attempt: Attempt, status: int, body: str | None) -> None:
        if self.failing:
            raise Unavailable("cannot keep it")
        record, until = self.held[attempt.name]
        if record.token == attempt.token:
            self.held[attempt.name] = record.model_copy(update={"status": status, "body": body}), until

    def drop(self, attempt: Attempt) -> None:
        if attempt.name in self.held and self.held[attempt.name][0].token == attempt.token:
            del self.held[attempt.name]


class FakeHalts:
    def __init__(self, *held: Halt) -> None:
        self.held = {halt.scope: halt for halt in held}

    def put(self, halt: Halt) -> None:
        self.held[halt.scope] = halt

    def get(self, scope: str) -> Halt:
        try:
            return self.held[scope]
        except KeyError:
            raise NotFound("No such halt") from None

    def lift(self, scope: str) -> Halt:
        halt = self.get(scope)
        del self.held[scope]
        return halt

    def list(self, reader: int = 0) -> Sequence[Halt]:
        return [self.held[scope] for scope in sorted(self.held)]


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
    owner_id: str | None = None
    capability: Capability = field(default_factory=lambda: Zebu.capability)
    came: dict[str, str] = field(default_factory=dict)
    returned_to: str | None = None

    def login_url(self, credentials: Credentials, state: str, redirect_url: str | None = None) -> str:
        back = f"&back={redirect_url}" if redirect_url else ""
        return f"https://broker.example/login?app={credentials.api_key}&state={state}{back}"

    def exchange(self, login: FinishedLogin) -> Request:
        self.came, self.returned_to = login.came, login.redirect_url
        return Request("POST", "https://broker.example", f"/token/{login.code}", {}, b"")

    def session(self, answer: Answer, login: FinishedLogin, at: datetime) -> Session:
        if self.failure is not None:
            raise self.failure
        return Session(access_token="token", client_id=self.client_id, expires_at=at + timedelta(hours=8))

    def profile(self, session: Session) -> Request:
        return Request("GET", "https://broker.example", "/profile", {}, b"")

    def owner(self, answer: Answer, session: Session) -> str:
        return self.owner_id or self.client_id


@dataclass
class FakeBrokers:
    """One broker, in every environment."""

    one: Any = field(default_factory=FakeBroker)

    def as_they_stand(self) -> "FakeBrokers":
        return self

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
    rates: RateBuckets
    halts: Halts
    repeats: IdempotencyRecords


def in_memory() -> Stores:
    baskets, users = FakeBaskets(), FakeUsers()
    accounts = FakeAccounts(users)
    return Stores(
        baskets,
        users,
        accounts,
        FakeSubscriptions(baskets, users, accounts),
        FakePartnerKeys(),
        FakeLogins(),
        FakeRateBuckets(),
        FakeHalts(),
        FakeIdempotency(),
    )


def a_market(stores: Stores) -> Stores:
    """One template on offer, and one user who linked an account."""
    stores.baskets.add(a_template())
    stores.accounts.add(an_account(), a_user(), new_user=True)
    return stores


@dataclass
class FakeRuns:
    """What was planned, and what became of it."""

    plans: dict[str, Plan] = field(default_factory=dict)
    kept: list[Ticket] = field(default_factory=list)
    closed: dict[str, Report] = field(default_factory=dict)
    told: set[int] = field(default_factory=set)

    def reported(self, run_id: str, shards: Iterable[int]) -> set[int]:
        return self.told & set(shards)

    def announce(self, tenant: Tenant, due: Due) -> None:
        plan = Plan(due=due, plan_id="", shards=0, tenants={tenant.key: ()}, venues=())
        self.plans.setdefault(due.run_id, plan)

    def get(self, tenant: Tenant, run_id: str) -> Plan:
        plan = self.plans.get(run_id)
        if plan is None or tenant.key not in plan.tenants:
            raise NotFound("No such execution")
        return plan

    def tickets(self, run_id: str, shard: int, tenant: str | None) -> Tickets:
        mine = (ticket for ticket in self.kept if (ticket.run_id, ticket.shard) == (run_id, shard))
        return Tickets([ticket for ticket in mine if tenant in {None, ticket.tenant}])

    def of_tenant(self, tenant: Tenant, limit: int, token: str | None) -> Page[Plan]:
        mine = sorted((p for p in self.plans.values() if tenant.key in p.tenants), key=lambda p: p.due.run_id)
        return Page(mine[::-1][:limit], None)

    def closing(self, run_id: str) -> Report | None:
        return self.closed.get(run_id)

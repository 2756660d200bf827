"""What the rules need from the outside, in their own words; adapters and test fakes stand behind it.

Models are named in annotations alone and never loaded for them: whoever needs one port starts without the models of
all others.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from quantleap.domain.account import BrokerAccount, Credentials, OAuthState, Session, User
    from quantleap.domain.basket import Basket, BasketVersion
    from quantleap.domain.broker import Answer, Broker, Instrument, Request
    from quantleap.domain.contracts import Contract, Index
    from quantleap.domain.events import Happening
    from quantleap.domain.execution import (
        Decision,
        Due,
        Holder,
        Lease,
        Plan,
        Report,
        Scheduled,
        Seat,
        Share,
        Ticket,
        Tickets,
    )
    from quantleap.domain.halts import Halt
    from quantleap.domain.idempotency import Attempt, Record
    from quantleap.domain.instruments import Master
    from quantleap.domain.market import Snapshot
    from quantleap.domain.market_data import DataKind
    from quantleap.domain.market_data_changes import Written
    from quantleap.domain.partner import Environment, PartnerKey, RateLimits, Tenant
    from quantleap.domain.rate import Counted, DayUsage
    from quantleap.domain.rehearsal import Rehearsal
    from quantleap.domain.subscription import Action, Status, Subscription, SubscriptionFilter


class Page[T](NamedTuple):
    """A slice of a list; `next_token` is None on the last one."""

    items: Sequence[T]
    next_token: str | None


class PartnerKeys(Protocol):
    """Partner API keys by id."""

    def add(self, key: PartnerKey) -> None:
        """Store a new key; `Conflict` when its id is taken."""

    def get(self, api_key_id: str) -> PartnerKey:
        """Read one, strongly consistent; raises `NotFound`."""

    def save(self, key: PartnerKey) -> None:
        """Store a change, unless somebody else wrote since it was read (`Conflict`)."""

    def list(self) -> Sequence[PartnerKey]:
        """Every key, newest first."""


class RateBuckets(Protocol):
    """How much each key has asked."""

    def count(self, api_key_id: str, limits: RateLimits, route: str, at: datetime) -> Counted:
        """Count a request unless it is over a limit; raises `Unavailable` when nothing can be counted."""

    def usage(self, api_key_id: str, first: date, last: date) -> Sequence[DayUsage]:
        """What was counted on the days from first to last, newest first: one query."""


class SecretHasher(Protocol):
    """One-way storage of partner secrets."""

    def hash(self, secret: str) -> str:
        """A salted hash to store."""

    def matches(self, secret: str, stored: str) -> bool:
        """Whether the secret is the one that was hashed, in constant time."""


class Baskets(Protocol):
    """Baskets, their schedule and the marketplace."""

    def add(self, basket: Basket) -> None:
        """Store a new basket and its first version together, its schedule too if it is offered; else `Conflict`."""

    def get(self, basket_id: str) -> Basket:
        """Read one, strongly consistent; raises `NotFound`."""

    def many(self, basket_ids: Iterable[str]) -> Mapping[str, Basket]:
        """Baskets by id, a hundred a call; the missing are absent, and those that cannot be read."""

    def version(self, basket_id: str, number: int) -> BasketVersion:
        """A state of a basket, strongly consistent; raises `NotFound`."""

    def versions(self, basket_id: str) -> Sequence[BasketVersion]:
        """Every state of a basket, newest first: one query."""

    def save(self, basket: Basket, *, was: Basket, written: BasketVersion | None = None) -> None:
        """Store a change with its schedule, and the version it wrote, in one transaction; else `Conflict`."""

    def approve(self, basket: Basket, *, was: Basket, approved: BasketVersion) -> None:
        """Store a change together with the approval of a version; else `Conflict`."""

    def remove(self, basket: Basket) -> None:
        """Delete a basket nobody can follow any more, but none of its versions; else `Conflict`."""

    def list(self) -> Sequence[Basket]:
        """Every basket of the platform."""

    def listed(self) -> Sequence[Basket]:
        """Every template on the marketplace, most popular first: one query."""

    def due(self, slot: str) -> Sequence[Scheduled]:
        """What enters or leaves in a slot: one query."""


class Found(NamedTuple):
    """What a subscription starts from, read together."""

    basket: Basket | None
    user: User | None


class Whole(NamedTuple):
    """A subscription, its template (None once that is gone), and accounts by client id, read together."""

    subscription: Subscription
    basket: Basket | None
    accounts: Mapping[str, BrokerAccount]


class Users(Protocol):
    """People, found by the address their partner knows them by."""

    def find(self, tenant: Tenant, email: str) -> User | None:
        """The user of that address in that tenant."""

    def many(self, user_ids: Iterable[str]) -> Mapping[str, User]:
        """Users by id, as few calls as possible; the missing are absent."""


class Known(NamedTuple):
    """Who holds an address and a client id of a tenant, read together."""

    user: User | None
    client_of: str | None


class BrokerAccounts(Protocol):
    """Users' accounts at brokers."""

    def known(self, tenant: Tenant, email: str, client_id: str) -> Known:
        """The user of an address, and the id of the user who has the client id: one call."""

    def known_user(self, tenant: Tenant, user_id: str, client_id: str) -> Known:
        """The user of an id, and the id of the user who has the client id: one call."""

    def add(self, account: BrokerAccount, user: User, *, new_user: bool) -> None:
        """Store an account (and its user when new); `Conflict` when address or client id is taken."""

    def get(self, user_id: str, client_id: str) -> BrokerAccount:
        """Read one, strongly consistent; raises `NotFound`."""

    def save(self, account: BrokerAccount, told: Sequence[Happening] = ()) -> None:
        """Store a change with what is told of it, unless somebody else wrote meanwhile (`Conflict`)."""

    def remove(self, account: BrokerAccount) -> None:
        """Delete an account and free its client id; `Conflict` when it changed, or while a subscription trades it."""

    def refuse_in_use(self, account: BrokerAccount) -> None:
        """Raise the `Conflict` that `remove` would raise for a subscription that trades it."""

    def owner(self, tenant: Tenant, client_id: str) -> str:
        """The user a client id of this tenant belongs to; raises `NotFound`."""

    def of_user(self, user_id: str) -> Sequence[BrokerAccount]:
        """All of a user's accounts."""

    def of_tenant(self, tenant: Tenant, limit: int, token: str | None) -> Page[BrokerAccount]:
        """A tenant's accounts by client id; the token is the last client id shown."""

    def many(self, names: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], BrokerAccount]:
        """Accounts by (user, client id), as few calls as possible; the missing are absent."""


class Logins(Protocol):
    """OAuth logins under way."""

    def start(self, state: OAuthState) -> None:
        """Remember a login."""

    def take(self, state: str) -> OAuthState | None:
        """Hand it out once and forget it; None for one unknown or used."""


class CredentialVault(Protocol):
    """Users' secrets; nothing read from it may be logged."""

    def put_credentials(self, user_id: str, client_id: str, credentials: Credentials) -> None:
        """Store or overwrite the permanent API credentials."""

    def credentials(self, user_id: str, client_id: str) -> Credentials:
        """Read them; raises `NotFound`."""

    def forget(self, user_id: str, client_id: str) -> None:
        """Remove what is stored for an account that came to nothing."""

    def put_session(self, user_id: str, session: Session) -> None:
        """Store the day's session over yesterday's."""

    def sessions(self, names: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], Session]:
        """Sessions by (user, client id), read together; the missing are absent."""


class Subscriptions(Protocol):
    """Subscriptions with their allocations and the template's count, always changed together."""

    def find(self, template_id: str, tenant: Tenant, email: str) -> Found:
        """The template and the user a new subscription needs: one call."""

    def add(self, subscription: Subscription) -> None:
        """Store it in one transaction.

        Raises `AlreadySubscribed`, or `Conflict` when the template or the account went meanwhile.
        """

    def get(self, subscription_id: str) -> Subscription:
        """Read one, strongly consistent; raises `NotFound`."""

    def whole(self, subscription_id: str, client_ids: Iterable[str] = ()) -> Whole:
        """One with its template and accounts of its user, the missing absent: one call; raises `NotFound`."""

    def move(self, subscription_id: str, tenant: Tenant, action: Action, at: datetime) -> Subscription:
        """Pause or resume in one conditional write; raises `NotFound` or `Conflict`."""

    def split(self, changed: Subscription, *, was: Subscription) -> None:
        """Store other allocations in one transaction; `Conflict` when it or an account changed meanwhile."""

    def cancel(self, cancelled: Subscription) -> None:
        """Store the end of one, free its template and count down, in one transaction; else `Conflict`."""

    def close(self, template_id: str, at: datetime, most: int) -> int:
        """Cancel subscriptions of a template that was withdrawn, at most so many; returns how many it were."""

    def of_partner(self, tenant: Tenant, wanted: SubscriptionFilter) -> Page[Subscription]:
        """A tenant's subscriptions, newest of each status first: one query a page."""

    def of_user(self, user_id: str, status: Status | None) -> Sequence[Subscription]:
        """A user's subscriptions: one query."""

    def seats(self, template_id: str) -> Sequence[Seat]:
        """Who may be executed for, active and paused: the template, and one query a shard of the index."""

    def statuses(self, names: Iterable[tuple[str, str]]) -> Mapping[str, str]:
        """Current status by subscription id, strongly consistent, for (user, subscription) pairs."""


class IdempotencyRecords(Protocol):
    """Requests that were sent with a key, for a day."""

    def begin(self, attempt: Attempt) -> Record:
        """Note that a request is being carried out; the record as it stands, held by this attempt or in its way."""

    def finish(self, attempt: Attempt, status: int, body: str | None) -> None:
        """Keep the answer, unless another attempt took over; raises `Unavailable` when it cannot be kept."""

    def drop(self, attempt: Attempt) -> None:
        """Free the key, unless another attempt took over."""


class Halts(Protocol):
    """Where trading stops."""

    def put(self, halt: Halt) -> None:
        """Set or replace the halt of a scope, for all readers at once."""

    def get(self, scope: str) -> Halt:
        """Read one, strongly consistent; raises `NotFound`."""

    def lift(self, scope: str) -> Halt:
        """Take a halt away for all readers at once and return it; raises `NotFound`."""

    def list(self, reader: int = 0) -> Sequence[Halt]:
        """Every halt by scope, strongly consistent: one query. Readers with different numbers share the load."""


class MarketDataStore(Protocol):
    """What administrators wrote of dated facts."""

    def all(self) -> Sequence[Written]:
        """What stands of every kind that was ever written, strongly consistent: one query."""

    def versions(self, kind: DataKind) -> Sequence[Written]:
        """Everything that ever stood of a kind, newest first: one query."""

    def save(self, written: Written, beside: Sequence[Written]) -> None:
        """Store the next version, unless somebody else did, or wrote of another kind than `beside` it (`Conflict`)."""


class Rehearsals(Protocol):
    """How runs would fare, looked at before they do."""

    def put(self, rehearsal: Rehearsal) -> None:
        """Store an outlook over an earlier one of the same run and tenant, and tell of it."""

    def between(self, tenant: Tenant, first: datetime, last: datetime) -> Sequence[Rehearsal]:
        """A tenant's outlooks of the boundaries from first to last: one query."""


class TenantRuns(Protocol):
    """A tenant's part of the runs."""

    def announce(self, tenant: Tenant, due: Due) -> None:
        """Let a run be read before it is planned; a plan that is there already stays."""

    def get(self, tenant: Tenant, run_id: str) -> Plan:
        """The tenant's part of a run's plan, strongly consistent; raises `NotFound`."""


class RunRecords(Protocol):
    """Runs as they are read afterwards."""

    def tickets(self, run_id: str, shard: int, tenant: str | None) -> Tickets:
        """A shard's tickets, all or one tenant's, and how many more there are that cannot be read: one query."""

    def of_tenant(self, tenant: Tenant, limit: int, token: str | None) -> Page[Plan]:
        """A tenant's runs, newest first."""

    def reported(self, run_id: str, shards: Iterable[int]) -> set[int]:
        """Which of the shards of a run told what they did."""

    def closing(self, run_id: str) -> Report | None:
        """The run's report once it is closed."""


class DayRuns(Protocol):
    """The runs of a day."""

    def of_day(self, moment: datetime) -> Sequence[Due]:
        """Every run whose boundary lies on that moment's day in India: one query."""


class Runs(RunRecords, DayRuns, Protocol):
    """Runs: plans, decisions, tickets, leases, reports."""

    def plan(self, run_id: str) -> Plan:
        """The plan of a run; raises `NotFound`."""

    def adopt_plan(self, plan: Plan) -> Plan:
        """Store the plan, or return the one already stored for the run."""

    def schedule_exits(self, entered: Due, exits: Mapping[str, tuple[int, ...]]) -> None:
        """Note in which slots of its day the strategies of an entry run leave."""

    def claim_exit(self, ticket: Ticket, exit_run: str) -> Sequence[str]:
        """Note that a run closes an entry ticket; returns the runs that came before it, oldest first."""

    def ticket(self, run_id: str, shard: int, tenant: str, name: str) -> Ticket | None:
        """One ticket as stored."""

    def decided(self, run_id: str) -> Decision | None:
        """What was decided for a run, if it was."""

    def adopt_decision(self, decision: Decision) -> Decision:
        """Store the decision, or return the one already stored for the run."""

    def adopt_unwind(self, run_id: str, due: Due) -> Due:
        """Store the exit that closes at once what a run left, or return the one already stored."""

    def take_lease(self, run_id: str, shard: int, holder: str, attempt: int, now: datetime, ends: datetime) -> Lease:
        """Become the shard's worker; raises `Conflict` while another may still be alive."""

    def holders(self, run_id: str, shards: Iterable[int]) -> Mapping[int, Holder]:
        """Who took which of the shards of a run last."""

    def give_up(self, run_id: str, shard: int, holder: str, now: datetime) -> datetime | None:
        """End the lease of a shard that this holder or nobody serves; else return when the other will be gone."""

    def adopt_ticket(self, ticket: Ticket) -> Ticket:
        """Store a ticket, or return the one already stored."""

    def write_tickets(self, tickets: Sequence[Ticket]) -> Sequence[Ticket]:
        """Store tickets that are not there yet; returns all as stored."""

    def join(self, tickets: Iterable[Ticket], boundary: datetime) -> None:
        """Note that tickets trade at their accounts at a boundary; noting one twice is once."""

    def shares(self, tickets: Iterable[Ticket], boundary: datetime) -> Mapping[str, Share]:
        """By a ticket's name, its place among all noted for its account and boundary; absent where it was not noted."""

    def settle(self, ticket: Ticket, told: Sequence[Happening] = ()) -> None:
        """Store what became of a ticket and what is told of it; `Conflict` when a successor serves or settled it."""

    def learn(self, ticket: Ticket) -> None:
        """Store what is known of a settled ticket since; nothing where somebody took it over meanwhile."""

    def report(self, run_id: str, shard: int, report: Report) -> None:
        """Store a shard's report."""

    def reports(self, plan: Plan) -> Mapping[int, Report]:
        """The reports of a run's shards."""

    def close(self, run_id: str, report: Report, told: Sequence[Happening] = ()) -> None:
        """Tell of a run's end and store its report; closing it again has the same effect."""


class Leases(Protocol):
    """The rights to send."""

    def arm(self, run_id: str, shard: int, token: int, until: datetime) -> None:
        """Allow this holder to send until then, at least; raises `Conflict` when somebody took the lease over."""


class PlanStore(Protocol):
    """The files a run's workers read."""

    def write_seats(self, plan: Plan, shards: Sequence[Sequence[Seat]]) -> None:
        """Store every shard's seats."""

    def seats(self, run_id: str, plan_id: str, shard: int) -> Sequence[Seat]:
        """A shard's seats."""

    def write_decision(self, plan: Plan, decision: Decision) -> None:
        """Store the run's decision beside its seats."""

    def decision(self, run_id: str, plan_id: str) -> Decision:
        """The run's decision."""

    def write_list(self, items: Sequence[dict[str, Any]]) -> tuple[str, str]:
        """Store what a step hands to the next, however much it is; returns (bucket, key)."""

    def read_list(self, key: str) -> Sequence[dict[str, Any]]:
        """What another step stored."""


class MarketFeed(Protocol):
    """Where prices come from."""

    def snapshot(self, index: Index, expiry: date) -> Snapshot:
        """The index and the options of one expiry now; raises `Unavailable`."""


class InstrumentMasters(Protocol):
    """Each broker's list of today's contracts."""

    def master(self, broker: Broker, day: date) -> Mapping[Contract, Instrument]:
        """The list, fetched once a day and kept; raises `Unavailable`."""


class MasterStore(Protocol):
    """Lists of contracts by broker and day."""

    def read(self, broker_id: str, day: date) -> Master | None:
        """The list that serves that day; None where there is none, or none that can be read."""

    def write(self, master: Master) -> None:
        """Store a list over what was there for its day."""


class Brokers(Protocol):
    """The brokers an environment may reach."""

    def broker(self, broker_id: str, environment: Environment) -> Broker:
        """Raises `InvalidRequest` for a broker unknown, or real where real money was not asked for."""

    def as_they_stand(self) -> Brokers:
        """The same brokers with this moment's limits, which are read here: the result is asked without waiting."""


class Http(Protocol):
    """A well-kept client for everything that is not on the order path."""

    def send(self, request: Request, *, timeout_s: float = 10) -> Answer:
        """Send once, never retry; raises `NotSent` or `Unknown`."""


class Line(Protocol):
    """A connection for one account's orders, one request at a time."""

    async def open(self) -> None:
        """Connect, unless it is open; raises `NotSent`."""

    def write(self, payload: bytes) -> Awaitable[Answer]:
        """Send prepared bytes now; raises `NotSent` before the first byte, the answer may be `Unknown`."""

    def close(self) -> None:
        """Hang up."""


class Lines(Protocol):
    """Connections of the order path."""

    def line(self, base_url: str) -> Line:
        """A connection to a broker, not yet open."""

    def prepare(self, request: Request) -> bytes:
        """The request's bytes, made before they are needed."""


class Timer(Protocol):
    """Wall-clock time to the nanosecond, and waiting for a moment of it."""

    def now_ns(self) -> int:
        """Nanoseconds since 1970."""

    async def until(self, moment_ns: int) -> None:
        """Come back at that moment, never before it, as soon after as the machine can."""


class Starter(Protocol):
    """Starts runs outside the schedule."""

    def start(self, due: Due, request: Mapping[str, object]) -> None:
        """Start the precision timer for a run; starting it twice is one start."""

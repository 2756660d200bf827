"""Every key of the table, in one place.

| entity                   | user_id                | sort_key                                   |
| ------------------------ | ---------------------- | ------------------------------------------ |
| PARTNER_API_KEY          | PARTNER                | PARTNER_API_KEY#{api_key_id}               |
| RATE_BUCKET              | RATE#{api_key_id}      | DAY#{2026-11-23}                           |
| BASKET                   | {owner_id}             | BASKET#{basket_id}                         |
| BASKET_VERSION           | {owner_id}             | BASKET_VERSION#{basket_id}#{000001}        |
| STRATEGY_SCHEDULE        | {owner_id}             | SCHEDULE#{basket_id}#{MON#09:20}           |
| USER                     | {user_id}              | USER                                       |
| USER_EMAIL               | TENANT#{tenant}        | EMAIL#{email}                              |
| BROKER_ACCOUNT           | {user_id}              | BROKER_ACCOUNT#{client_id}                 |
| BROKER_CLIENT            | TENANT#{tenant}        | CLIENT#{client_id}                         |
| BROKER_CREDENTIALS       | {user_id}              | BROKER_CREDENTIALS#{client_id}             |
| BROKER_SESSION           | {user_id}              | BROKER_SESSION#{client_id}                 |
| OAUTH_STATE              | OAUTH#{sha256(state)}  | STATE                                      |
| DEEP_LINK                | LINK#{sha256(token)}   | LINK                                       |
| MARKETPLACE_SUBSCRIPTION | {user_id}              | SUBSCRIPTION#{subscription_id}             |
| TEMPLATE_CLAIM           | {user_id}              | TEMPLATE#{template_id}                     |
| BROKER_ALLOCATION        | {user_id}              | BROKER_ALLOCATION#{template}#{allocation}  |
| IDEMPOTENCY              | IDEMPOTENCY#{sha256}   | REQUEST                                    |
| HALT                     | HALTS#{0..3}           | HALT#{scope}                               |
| MARKET_DATA              | MARKET_DATA            | KIND#{lot-sizes}                           |
| MARKET_DATA_VERSION      | MARKET_DATA#{lot-sizes}| VERSION#{000001}                           |
| RUN                      | RUN#{run_id}           | RUN                                        |
| RUN_DECISION             | RUN#{run_id}           | DECISION                                   |
| RUN_REPORT               | RUN#{run_id}           | REPORT                                     |
| RUN_UNWIND               | RUN#{run_id}           | UNWIND                                     |
| RUN_EXIT                 | RUN#{run_id}           | EXIT#{MON#15:20}                           |
| DAY_RUN                  | DAY#{2026-11-23}       | RUN#{run_id}                               |
| SHARD_LEASE              | RUN#{run_id}#{0000}    | LEASE                                      |
| SHARD_REPORT             | RUN#{run_id}#{0000}    | REPORT                                     |
| RUN_TICKET               | RUN#{run_id}#{0000}    | TICKET#{tenant}#{subscription}#{allocation}|
| ACCOUNT_PACE             | PACE#{venue}#{client}  | BOUNDARY#{2026-11-23T03:50:00Z}            |
| TICKET_EXITS             | RUN#{run_id}#{0000}    | EXITS#{tenant}#{subscription}#{allocation} |
| REHEARSAL                | TENANT#{tenant}        | REHEARSAL#{2026-11-23T03:50:00Z}#{template}|
| TENANT_RUN               | TENANT#{tenant}        | RUN#{run_id}                               |
| EVENT                    | EVENTS#{tenant}#{0..f} | EVENT#{event_id}                           |
"""

import hashlib
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import TypedDict

from quantleap.domain.clock import IST
from quantleap.domain.events import EVENT_ID_PREFIX
from quantleap.domain.ids import PLATFORM_OWNER, named_by


class Key(TypedDict):
    """The primary key of an item."""

    user_id: str
    sort_key: str


ALLOCATIONS_BY_BASKET = "AllocationsByBasket"
SCHEDULE_DISCOVERY = "ScheduleDiscovery"
MARKETPLACE_DISCOVERY = "MarketplaceDiscovery"
USER_SUBSCRIPTIONS = "UserSubscriptions"
TEMPLATE_SUBSCRIBERS = "TemplateSubscribers"
PARTNER_SUBSCRIPTIONS = "PartnerSubscriptions"
USER_EXECUTIONS = "UserExecutions"

MARKETPLACE = "MARKETPLACE#LISTED"
"""The one partition of the marketplace: a few hundred templates, so that browsing is one query with any filter."""

MARKET_DATA = "MARKET_DATA"
"""The one partition of the dated facts that stand: ten small items, read together."""

PARTNERS = "PARTNER"
HEX = "0123456789abcdef"
BASKET_PREFIX = "BASKET#"
TICKET_PREFIX = "TICKET#"
RUN_PREFIX = "RUN#"
ACCOUNT_PREFIX = "BROKER_ACCOUNT#"
ALLOCATION_PREFIX = "BROKER_ALLOCATION#"
CLIENT_PREFIX = "CLIENT#"
PARTNER_KEY_PREFIX = "PARTNER_API_KEY#"


def _key(user_id: str, sort_key: str) -> Key:
    return {"user_id": user_id, "sort_key": sort_key}


def _second(boundary: datetime) -> str:
    return f"{boundary.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def partner_key(api_key_id: str) -> Key:
    """A partner's API key."""
    return _key(PARTNERS, f"{PARTNER_KEY_PREFIX}{api_key_id}")


def rate_bucket(api_key_id: str, day: date) -> Key:
    """The request counter of an API key for a day of India's calendar."""
    return _key(f"RATE#{api_key_id}", f"DAY#{day.isoformat()}")


def basket(basket_id: str) -> Key:
    """A basket; every basket belongs to the platform."""
    return _key(PLATFORM_OWNER, f"{BASKET_PREFIX}{basket_id}")


def basket_version(basket_id: str, number: int) -> Key:
    """An immutable state of a basket."""
    return _key(PLATFORM_OWNER, f"{basket_versions(basket_id)}{number:06}")


def basket_versions(basket_id: str) -> str:
    """How the sort keys of a basket's versions begin."""
    return f"BASKET_VERSION#{basket_id}#"


def schedule(basket_id: str, slot: str) -> Key:
    """That something of a basket enters in a slot."""
    return _key(PLATFORM_OWNER, f"SCHEDULE#{basket_id}#{slot}")


def user(user_id: str) -> Key:
    """A person."""
    return _key(user_id, "USER")


def user_email(tenant: str, email: str) -> Key:
    """The claim of an address in a tenant."""
    return _key(f"TENANT#{tenant}", f"EMAIL#{email}")


def broker_account(user_id: str, client_id: str) -> Key:
    """A user's account at a broker."""
    return _key(user_id, f"{ACCOUNT_PREFIX}{client_id}")


def broker_client(tenant: str, client_id: str) -> Key:
    """The claim of a client id in a tenant."""
    return _key(f"TENANT#{tenant}", f"{CLIENT_PREFIX}{client_id}")


def broker_secret(entity: str, user_id: str, client_id: str) -> Key:
    """A sealed secret of an account; the entity says which."""
    return _key(user_id, f"{entity}#{client_id}")


def oauth_state(state: str) -> Key:
    """A login under way; the state itself is a secret, so only its hash is stored."""
    return _key(f"OAUTH#{hashlib.sha256(state.encode()).hexdigest()}", "STATE")


def deep_link(token: str) -> Key:
    """A link that waits to be followed; its token is a secret, so only the hash is stored."""
    return _key(f"LINK#{hashlib.sha256(token.encode()).hexdigest()}", "LINK")


def subscription(subscription_id: str) -> Key | None:
    """A subscription; its id names its user. None for a text that is no subscription id."""
    named = named_by(subscription_id)
    return None if named is None else _key(named.user_id, f"SUBSCRIPTION#{subscription_id}")


def template_claim(user_id: str, template_id: str) -> Key:
    """That a user follows a template: there is at most one."""
    return _key(user_id, f"TEMPLATE#{template_id}")


def allocation(user_id: str, template_id: str, allocation_id: str) -> Key:
    """An account and its lots for a template."""
    return _key(user_id, f"{ALLOCATION_PREFIX}{template_id}#{allocation_id}")


def idempotency(name: str) -> Key:
    """A request that was sent with an idempotency key; the name stands for caller and key."""
    return _key(f"IDEMPOTENCY#{name}", "REQUEST")


def halt(copy: int, scope: str) -> Key:
    """Where trading stops, in one of the copies."""
    return _key(halts(copy), f"HALT#{scope}")


def halts(copy: int) -> str:
    """The partition of a copy of all halts."""
    return f"HALTS#{copy}"


def market_data(kind: str) -> Key:
    """The dated facts that stand of a kind."""
    return _key(MARKET_DATA, f"KIND#{kind}")


def market_data_versions(kind: str) -> str:
    """The partition of every version of a kind."""
    return f"{MARKET_DATA}#{kind}"


def market_data_version(kind: str, number: int) -> Key:
    """Dated facts as they once stood."""
    return _key(market_data_versions(kind), f"VERSION#{number:06}")


def run(run_id: str) -> Key:
    """A run and its plan."""
    return _key(f"RUN#{run_id}", "RUN")


def run_exit(run_id: str, slot: str) -> Key:
    """That strategies of an entry run leave in a slot."""
    return _key(f"RUN#{run_id}", f"EXIT#{slot}")


def day(moment: datetime) -> str:
    """The partition of the runs of a day in India."""
    return f"DAY#{moment.astimezone(IST).date().isoformat()}"


def day_run(boundary: datetime, run_id: str) -> Key:
    """That a run has its boundary on a day."""
    return _key(day(boundary), f"{RUN_PREFIX}{run_id}")


def ticket_exits(run_id: str, number: int, tenant: str, name: str) -> Key:
    """Which runs close an entry ticket."""
    return _key(shard(run_id, number), f"EXITS#{tenant}#{name}")


def run_decision(run_id: str) -> Key:
    """That a run was decided, and where."""
    return _key(f"RUN#{run_id}", "DECISION")


def run_report(run_id: str) -> Key:
    """A run's report, once it is closed."""
    return _key(f"RUN#{run_id}", "REPORT")


def run_unwind(run_id: str) -> Key:
    """The run that closes at once what a run left."""
    return _key(f"RUN#{run_id}", "UNWIND")


def shard(run_id: str, number: int) -> str:
    """The partition of one shard of a run."""
    return f"RUN#{run_id}#{number:04}"


def pace(venue: str, client_id: str, boundary: datetime) -> Key:
    """Who trades at an account at a boundary, whichever users, partners and runs it is for."""
    return _key(f"PACE#{venue}#{client_id}", f"BOUNDARY#{_second(boundary)}")


def lease(run_id: str, number: int) -> Key:
    """Who serves a shard."""
    return _key(shard(run_id, number), "LEASE")


def shard_report(run_id: str, number: int) -> Key:
    """What a shard did."""
    return _key(shard(run_id, number), "REPORT")


def ticket(run_id: str, number: int, tenant: str, name: str) -> Key:
    """One seat's orders at one account."""
    return _key(shard(run_id, number), f"{TICKET_PREFIX}{tenant}#{name}")


def executed(user_id: str, run_id: str, name: str) -> dict[str, str]:
    """What makes a ticket found by its user: ids of runs begin with the boundary, so they sort by time."""
    return {"executed_for": user_id, "executed_run": f"{run_id}#{name}"}


def run_of(executed_run: str) -> str:
    """The run in the sort key that `executed` wrote."""
    return executed_run.partition("#")[0]


def tenant(key: str) -> str:
    """The partition of what belongs to a tenant as a whole."""
    return f"TENANT#{key}"


def tenant_run(key: str, run_id: str) -> Key:
    """That a run concerns a tenant."""
    return _key(tenant(key), f"{RUN_PREFIX}{run_id}")


def rehearsal(tenant_key: str, boundary: datetime, template_id: str) -> Key:
    """How a template's entry at a boundary would fare for a tenant."""
    return _key(tenant(tenant_key), f"{rehearsals_from(boundary)}{template_id}")


def rehearsals_from(boundary: datetime) -> str:
    """Where the sort keys of a boundary's rehearsals begin."""
    return f"REHEARSAL#{_second(boundary)}#"


def rehearsals_to(boundary: datetime) -> str:
    """After the sort keys of a boundary's rehearsals: ids have no such letter."""
    return f"{rehearsals_from(boundary)}~"


def event(tenant_key: str, event_id: str) -> Key:
    """Something others need to hear of. Ids are hashes, so their first digit spreads a tenant's over partitions."""
    digit = event_id.removeprefix(EVENT_ID_PREFIX)[0]
    return _key(f"EVENTS#{tenant_key}#{digit}", f"EVENT#{event_id}")


def events(tenant_key: str) -> Iterable[str]:
    """The partitions of a tenant's events: when a broker refuses everybody, one alone could not take them all."""
    return (f"EVENTS#{tenant_key}#{digit}" for digit in HEX)


def subscribers(template_id: str, shard_number: int) -> str:
    """A partition of the index of a template's subscribers."""
    return f"{template_id}#{shard_number}"


def status_date(status: str, iso_date: str) -> str:
    """The sort key of the subscription indexes: `ACTIVE#2026-11-23T...`."""
    return f"{status}#{iso_date}"

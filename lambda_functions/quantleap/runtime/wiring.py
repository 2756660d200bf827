"""The composition root: which real thing stands behind each need, built when first asked for, once a process.

An adapter is imported where it is built: every function takes its parts from here, none needs all of them, and
together, with the models they store, they took 50 ms of every cold start.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from botocore.config import Config

from quantleap.adapters import machine
from quantleap.adapters.table import Table
from quantleap.domain.clock import IST
from quantleap.runtime import aws
from quantleap.runtime.settings import BadEnvironment, settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_stepfunctions import SFNClient

    from quantleap.adapters.brokers.directory import Directory
    from quantleap.adapters.market_data import TableMarketData
    from quantleap.domain.clock import Clock
    from quantleap.domain.deep_links import DeepLinks
    from quantleap.domain.ids import Randomness
    from quantleap.domain.market_data import BrokerLimit, Reading
    from quantleap.domain.ports import (
        Baskets,
        BrokerAccounts,
        CredentialVault,
        Halts,
        Http,
        IdempotencyRecords,
        Logins,
        PartnerKeys,
        RateBuckets,
        Rehearsals,
        Runs,
        SecretHasher,
        Starter,
        Subscriptions,
        TenantRuns,
        Users,
    )
    from quantleap.domain.sessions import Calendar
    from quantleap.domain.user_runs import UserRuns
    from quantleap.services.rate_limits import Reserve

CALLS = Config(
    connect_timeout=2,
    read_timeout=5,
    retries={"mode": "standard", "total_max_attempts": 4},
    max_pool_connections=32,
)
"""Short waits and few tries: a caller waits, and API Gateway gives up after 29 seconds."""

SECRET_CALLS = CALLS.merge(Config(connect_timeout=1, read_timeout=3, retries={"total_max_attempts": 1}))
"""One try: the vaults have a patience of their own, so that reading 250 secrets has bounds as a whole."""


clock: Clock = machine.now
draw: Randomness = machine.draw


@cache
def dynamodb() -> DynamoDBClient:
    """The client of DynamoDB."""
    client: DynamoDBClient = aws.client("dynamodb", CALLS)
    return client


@cache
def secretsmanager() -> SecretsManagerClient:
    """The client of Secrets Manager."""
    client: SecretsManagerClient = aws.client("secretsmanager", SECRET_CALLS)
    return client


@cache
def kms() -> KMSClient:
    """The client of KMS."""
    client: KMSClient = aws.client("kms", SECRET_CALLS)
    return client


@cache
def stepfunctions() -> SFNClient:
    """The client of Step Functions."""
    client: SFNClient = aws.client("stepfunctions", CALLS)
    return client


@cache
def table() -> Table:
    """The one table."""
    return Table(dynamodb(), settings().table_name)


@cache
def keys() -> PartnerKeys:
    """Partner API keys."""
    from quantleap.adapters.partner_keys import TablePartnerKeys

    return TablePartnerKeys(table())


@cache
def buckets() -> RateBuckets:
    """Request counters."""
    from quantleap.adapters.rate_buckets import TableRateBuckets

    return TableRateBuckets(table())


@cache
def reserve() -> Reserve:
    """What counts requests while the table does not."""
    from quantleap.services.rate_limits import Reserve

    return Reserve()


@cache
def hasher() -> SecretHasher:
    """How secrets are stored."""
    from quantleap.adapters.hashing import BcryptHasher

    return BcryptHasher()


@cache
def baskets() -> Baskets:
    """Baskets and the marketplace."""
    from quantleap.adapters.baskets import TableBaskets

    return TableBaskets(table())


@cache
def users() -> Users:
    """People."""
    from quantleap.adapters.users import TableUsers

    return TableUsers(table())


@cache
def accounts() -> BrokerAccounts:
    """Broker accounts."""
    from quantleap.adapters.broker_accounts import TableBrokerAccounts

    return TableBrokerAccounts(table())


@cache
def logins() -> Logins:
    """OAuth logins under way."""
    from quantleap.adapters.logins import TableLogins

    return TableLogins(table())


@cache
def deep_links() -> DeepLinks:
    """Links that wait to be followed."""
    from quantleap.adapters.deep_links import TableDeepLinks

    return TableDeepLinks(table())


@cache
def subscriptions() -> Subscriptions:
    """Subscriptions."""
    from quantleap.adapters.subscriptions import TableSubscriptions

    return TableSubscriptions(table())


@cache
def idempotency() -> IdempotencyRecords:
    """Requests that were sent with an idempotency key."""
    from quantleap.adapters.idempotency import TableIdempotency

    return TableIdempotency(table())


@cache
def halts() -> Halts:
    """Where trading stops."""
    from quantleap.adapters.halts import TableHalts

    return TableHalts(table())


@cache
def market_data_store() -> TableMarketData:
    """What administrators wrote of dated facts."""
    from quantleap.adapters.market_data import TableMarketData

    return TableMarketData(table())


@cache
def market_data() -> Reading:
    """The dated facts as they are now: those of the release, with what the table has over them."""
    from quantleap.adapters.market_data import FreshMarketData

    return FreshMarketData(market_data_store(), clock)


@cache
def calendar() -> Calendar:
    """The stage's calendar, of the facts as they are whenever it is asked."""
    return calendar_of(market_data())


def calendar_of(facts: Reading) -> Calendar:
    """The exchange's sessions, or, where the market is simulated, one that never ends."""
    from quantleap.domain.sessions import AlwaysOpen, TradingCalendar

    return TradingCalendar(facts) if settings().market_hours == "exchange" else AlwaysOpen(facts)


@cache
def runs() -> Runs:
    """Runs."""
    from quantleap.adapters.runs import TableRuns

    return TableRuns(table())


@cache
def rehearsals() -> Rehearsals:
    """How runs would fare."""
    from quantleap.adapters.rehearsals import TableRehearsals

    return TableRehearsals(table())


@cache
def tenant_runs() -> TenantRuns:
    """Each tenant's part of the runs."""
    from quantleap.adapters.tenant_runs import TableTenantRuns

    return TableTenantRuns(table())


@cache
def user_runs() -> UserRuns:
    """Each user's part of the runs."""
    from quantleap.adapters.user_runs import TableUserRuns

    return TableUserRuns(table())


@cache
def vault() -> CredentialVault:
    """Users' secrets, where the stage keeps them."""
    if settings().credential_vault == "kms_envelope":
        return _sealed_vault()
    from quantleap.adapters.vault import SecretsManagerVault

    return SecretsManagerVault(secretsmanager(), settings().secret_prefix)


def _sealed_vault() -> CredentialVault:
    """Its cryptography takes 17 ms to load; other stages start without it."""
    from quantleap.adapters.kms_vault import KmsEnvelopeVault

    key_id = settings().vault_key_id
    if key_id is None:
        raise BadEnvironment("the environment does not fit: VAULT_KEY_ID: Field required")
    return KmsEnvelopeVault(kms(), table(), key_id)


@cache
def brokers() -> Directory:
    """The brokers this stage may reach."""
    from quantleap.adapters.brokers.directory import Directory

    told = settings()
    return Directory(told.simulated_broker_url, real=told.real_brokers, egress_ip=told.egress_ip, limits=_limits)


def _limits(broker_id: str) -> BrokerLimit | None:
    from quantleap.domain.market_data import BrokerLimit

    return market_data()().in_force(BrokerLimit, broker_id, clock().astimezone(IST).date())


@cache
def http() -> Http:
    """The client for what is not on the order path."""
    from quantleap.adapters.http import UrllibHttp

    return UrllibHttp()


@cache
def starter() -> Starter:
    """What starts runs outside the schedule; only a function that was told the state machine has it."""
    from quantleap.adapters.starter import StateMachineStarter

    arn = settings().precision_timer_arn
    if arn is None:
        raise BadEnvironment("the environment does not fit: PRECISION_TIMER_ARN: Field required")
    return StateMachineStarter(stepfunctions(), arn)

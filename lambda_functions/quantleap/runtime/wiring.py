"""The composition root: which real thing stands behind each need, built when first asked for, once a process."""

from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from quantleap.adapters import machine
from quantleap.adapters.baskets import TableBaskets
from quantleap.adapters.broker_accounts import TableBrokerAccounts
from quantleap.adapters.brokers.directory import Directory
from quantleap.adapters.deep_links import TableDeepLinks
from quantleap.adapters.halts import TableHalts
from quantleap.adapters.hashing import BcryptHasher
from quantleap.adapters.http import UrllibHttp
from quantleap.adapters.idempotency import TableIdempotency
from quantleap.adapters.logins import TableLogins
from quantleap.adapters.partner_keys import TablePartnerKeys
from quantleap.adapters.rate_buckets import TableRateBuckets
from quantleap.adapters.rehearsals import TableRehearsals
from quantleap.adapters.runs import TableRuns
from quantleap.adapters.starter import StateMachineStarter
from quantleap.adapters.subscriptions import TableSubscriptions
from quantleap.adapters.table import Table
from quantleap.adapters.tenant_runs import TableTenantRuns
from quantleap.adapters.user_runs import TableUserRuns
from quantleap.adapters.users import TableUsers
from quantleap.adapters.vault import SecretsManagerVault
from quantleap.domain.clock import Clock
from quantleap.domain.ids import Randomness
from quantleap.domain.ports import CredentialVault
from quantleap.domain.sessions import AlwaysOpen, Calendar, TradingCalendar
from quantleap.runtime.settings import BadEnvironment, settings
from quantleap.services.rate_limits import Reserve

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_stepfunctions import SFNClient

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
def dynamodb() -> "DynamoDBClient":
    """The client of DynamoDB."""
    return boto3.client("dynamodb", config=CALLS)


@cache
def secretsmanager() -> "SecretsManagerClient":
    """The client of Secrets Manager."""
    return boto3.client("secretsmanager", config=SECRET_CALLS)


@cache
def kms() -> "KMSClient":
    """The client of KMS."""
    return boto3.client("kms", config=SECRET_CALLS)


@cache
def stepfunctions() -> "SFNClient":
    """The client of Step Functions."""
    return boto3.client("stepfunctions", config=CALLS)


@cache
def table() -> Table:
    """The one table."""
    return Table(dynamodb(), settings().table_name)


@cache
def keys() -> TablePartnerKeys:
    """Partner API keys."""
    return TablePartnerKeys(table())


@cache
def buckets() -> TableRateBuckets:
    """Request counters."""
    return TableRateBuckets(table())


@cache
def reserve() -> Reserve:
    """What counts requests while the table does not."""
    return Reserve()


@cache
def hasher() -> BcryptHasher:
    """How secrets are stored."""
    return BcryptHasher()


@cache
def baskets() -> TableBaskets:
    """Baskets and the marketplace."""
    return TableBaskets(table())


@cache
def users() -> TableUsers:
    """People."""
    return TableUsers(table())


@cache
def accounts() -> TableBrokerAccounts:
    """Broker accounts."""
    return TableBrokerAccounts(table())


@cache
def logins() -> TableLogins:
    """OAuth logins under way."""
    return TableLogins(table())


@cache
def deep_links() -> TableDeepLinks:
    """Links that wait to be followed."""
    return TableDeepLinks(table())


@cache
def subscriptions() -> TableSubscriptions:
    """Subscriptions."""
    return TableSubscriptions(table())


@cache
def idempotency() -> TableIdempotency:
    """Requests that were sent with an idempotency key."""
    return TableIdempotency(table())


@cache
def halts() -> TableHalts:
    """Where trading stops."""
    return TableHalts(table())


@cache
def calendar() -> Calendar:
    """The exchange's sessions, or, where the market is simulated, one that never ends."""
    return TradingCalendar() if settings().market_hours == "exchange" else AlwaysOpen()


@cache
def runs() -> TableRuns:
    """Runs."""
    return TableRuns(table())


@cache
def rehearsals() -> TableRehearsals:
    """How runs would fare."""
    return TableRehearsals(table())


@cache
def tenant_runs() -> TableTenantRuns:
    """Each tenant's part of the runs."""
    return TableTenantRuns(table())


@cache
def user_runs() -> TableUserRuns:
    """Each user's part of the runs."""
    return TableUserRuns(table())


@cache
def vault() -> CredentialVault:
    """Users' secrets, where the stage keeps them."""
    if settings().credential_vault == "kms_envelope":
        return _sealed_vault()
    return SecretsManagerVault(secretsmanager(), settings().secret_prefix)


def _sealed_vault() -> CredentialVault:
    """Imported where it is used: other stages start without the 17 ms its cryptography takes."""
    from quantleap.adapters.kms_vault import KmsEnvelopeVault  # noqa: PLC0415 - see above

    key_id = settings().vault_key_id
    if key_id is None:
        raise BadEnvironment("the environment does not fit: VAULT_KEY_ID: Field required")
    return KmsEnvelopeVault(kms(), table(), key_id)


@cache
def brokers() -> Directory:
    """The brokers this stage may reach."""
    told = settings()
    return Directory(told.simulated_broker_url, real=told.real_brokers, egress_ip=told.egress_ip)


@cache
def http() -> UrllibHttp:
    """The client for what is not on the order path."""
    return UrllibHttp()


@cache
def starter() -> StateMachineStarter:
    """What starts runs outside the schedule; only a function that was told the state machine has it."""
    arn = settings().precision_timer_arn
    if arn is None:
        raise BadEnvironment("the environment does not fit: PRECISION_TIMER_ARN: Field required")
    return StateMachineStarter(stepfunctions(), arn)

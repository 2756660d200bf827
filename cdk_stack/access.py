"""What each function may do, and nothing more: the whole of its role beside its own log.

Transactions need no action of their own; they are allowed by those of the writes they hold.
"""

from typing import NamedTuple

from aws_cdk import aws_dynamodb as dynamodb

from cdk_stack.constructs.credential_vault import CredentialVault, Use
from cdk_stack.constructs.events import Events
from cdk_stack.constructs.functions import Functions
from cdk_stack.constructs.plans_bucket import PlansBucket


class Access(NamedTuple):
    """Actions on the table and its stream, what it does with the vault, and actions on plans, masters and the bus."""

    table: tuple[str, ...]
    vault: Use | None = None
    plans: tuple[str, ...] = ()
    masters: tuple[str, ...] = ()
    stream: tuple[str, ...] = ()
    bus: tuple[str, ...] = ()


ACCESS = {
    "partner-auth": Access(("GetItem",)),
    "partner-api-manager": Access(("GetItem", "Query", "PutItem", "UpdateItem", "DeleteItem")),
    "marketplace-manager": Access(("GetItem", "Query", "PutItem", "UpdateItem", "DeleteItem")),
    "subscription-manager": Access(
        ("GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem", "DeleteItem", "ConditionCheckItem")
    ),
    "basket-manager": Access(
        ("GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem", "DeleteItem", "ConditionCheckItem")
    ),
    "broker-account-manager": Access(
        ("GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem", "DeleteItem"),
        vault=Use.KEEP,
    ),
    "execution-manager": Access(("GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem", "DeleteItem")),
    "precision-timer-due": Access(("GetItem", "BatchGetItem", "Query"), plans=("PutObject",)),
    "precision-timer-plan": Access(("GetItem", "Query", "PutItem"), plans=("GetObject", "PutObject")),
    "precision-timer-decide": Access(
        ("GetItem", "Query", "PutItem"), plans=("GetObject", "PutObject"), masters=("GetObject", "PutObject")
    ),
    "precision-timer-report": Access(
        ("GetItem", "BatchGetItem", "PutItem", "UpdateItem"), plans=("GetObject", "PutObject")
    ),
    "strategy-executor": Access(
        ("GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem"),
        vault=Use.UNLOCK,
        plans=("GetObject",),
    ),
    "instrument-masters": Access(
        ("BatchGetItem", "Query", "PutItem", "UpdateItem"), vault=Use.UNLOCK, masters=("GetObject", "PutObject")
    ),
    "rehearsal": Access(
        ("GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem"),
        vault=Use.UNLOCK,
        masters=("GetObject", "PutObject"),
    ),
    "event-relay": Access(("Query",), stream=("DescribeStream", "GetRecords", "GetShardIterator"), bus=("PutEvents",)),
}


def grant_access(
    functions: Functions,
    *,
    table: dynamodb.ITableV2,
    plans: PlansBucket,
    vault: CredentialVault,
    events: Events,
) -> None:
    """Write every function's role."""
    for name, access in ACCESS.items():
        function = functions[name]
        table.grant(function, *(f"dynamodb:{action}" for action in access.table))
        if access.vault:
            vault.grant(function, access.vault)
        if access.plans:
            plans.grant(function, *(f"s3:{action}" for action in access.plans))
        if access.masters:
            plans.grant_masters(function, *(f"s3:{action}" for action in access.masters))
        if access.stream:
            table.grant_stream(function, *(f"dynamodb:{action}" for action in access.stream))
            table.grant_table_list_streams(function)
        if access.bus:
            events.grant(function, *(f"events:{action}" for action in access.bus))

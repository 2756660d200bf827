"""What each function may do, and nothing more: the whole of its role beside its own log.

Transactions need no action of their own; they are allowed by those of the writes they hold.
"""

from typing import NamedTuple

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_

from cdk_stack.constructs.functions import Functions
from cdk_stack.constructs.plans_bucket import PlansBucket


class Access(NamedTuple):
    """Actions on the table, on the stage's secrets, and on the plans."""

    table: tuple[str, ...]
    secrets: tuple[str, ...] = ()
    plans: tuple[str, ...] = ()


ACCESS = {
    "partner-auth": Access(("GetItem",)),
    "partner-api-manager": Access(("GetItem", "Query", "PutItem")),
    "marketplace-manager": Access(("GetItem", "Query", "PutItem", "UpdateItem", "DeleteItem")),
    "subscription-manager": Access(
        ("GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem", "DeleteItem", "ConditionCheckItem")
    ),
    "basket-manager": Access(("GetItem", "Query", "PutItem")),
    "broker-account-manager": Access(
        ("GetItem", "BatchGetItem", "Query", "PutItem", "DeleteItem"),
        secrets=("CreateSecret", "PutSecretValue", "GetSecretValue", "DeleteSecret"),
    ),
    "execution-manager": Access(("GetItem", "BatchGetItem", "Query")),
    "precision-timer-due": Access(("GetItem", "Query")),
    "precision-timer-plan": Access(("GetItem", "Query", "PutItem"), plans=("PutObject",)),
    "precision-timer-decide": Access(("GetItem", "PutItem"), plans=("PutObject",)),
    "precision-timer-report": Access(("GetItem", "BatchGetItem", "PutItem")),
    "strategy-executor": Access(
        ("GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem"),
        secrets=("GetSecretValue", "BatchGetSecretValue"),
        plans=("GetObject",),
    ),
}

ON_EVERYTHING = {"BatchGetSecretValue"}
"""Actions AWS ties to no resource; each value fetched still needs GetSecretValue on its own secret."""


def grant_access(functions: Functions, *, table: dynamodb.ITableV2, plans: PlansBucket, secret_prefix: str) -> None:
    """Write every function's role."""
    for name, access in ACCESS.items():
        function = functions[name]
        table.grant(function, *(f"dynamodb:{action}" for action in access.table))
        _grant_secrets(function, access.secrets, secret_prefix)
        if access.plans:
            plans.grant(function, *(f"s3:{action}" for action in access.plans))


def _grant_secrets(function: lambda_.Function, actions: tuple[str, ...], prefix: str) -> None:
    stack = Stack.of(function)
    own = stack.format_arn(
        service="secretsmanager",
        resource="secret",
        resource_name=f"{prefix}/*",
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )
    for action in actions:
        iam.Grant.add_to_principal(
            grantee=function,
            actions=[f"secretsmanager:{action}"],
            resource_arns=["*" if action in ON_EVERYTHING else own],
        )

"""All functions: one table of what they are, one loop that makes them."""

from collections.abc import Mapping
from typing import NamedTuple

from aws_cdk import AssetHashType, Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from cdk_stack.bundling import FunctionCode
from cdk_stack.constructs.fixed_addresses import FixedAddresses
from cdk_stack.stage import Stage

RUNTIME = lambda_.Runtime.PYTHON_3_13
ARCHITECTURE = lambda_.Architecture.ARM_64
ONE_CORE_MB = 1769
"""Memory at which Lambda gives a whole core; less memory is a part of one."""


class Spec(NamedTuple):
    """One function: where its code is, and what it may use."""

    name: str
    handler: str
    memory_mb: int = 512
    timeout_s: int = 15


FUNCTIONS = (
    Spec("partner-auth", "partner_auth.handler", memory_mb=ONE_CORE_MB, timeout_s=10),  # bcrypt wants a core
    Spec("partner-api-manager", "partner_api_manager.handler", memory_mb=1024),  # hashes new secrets
    Spec("marketplace-manager", "marketplace_manager.handler"),
    Spec("subscription-manager", "subscription_manager.handler"),
    Spec("basket-manager", "basket_manager.handler"),
    Spec("broker-account-manager", "broker_account_manager.handler", timeout_s=28),  # waits for the broker
    Spec("execution-manager", "execution_manager.handler"),
    Spec("precision-timer-due", "precision_timer.due"),
    Spec("precision-timer-plan", "precision_timer.plan", memory_mb=ONE_CORE_MB, timeout_s=60),
    Spec("precision-timer-decide", "precision_timer.decide", memory_mb=ONE_CORE_MB, timeout_s=20),
    Spec("precision-timer-report", "precision_timer.report", memory_mb=1024, timeout_s=60),
    Spec("instrument-masters", "instrument_masters.handler", memory_mb=ONE_CORE_MB, timeout_s=300),  # 40 MB of JSON
    Spec("rehearsal", "rehearsal.handler", memory_mb=ONE_CORE_MB, timeout_s=300),  # reads every account that is due
    Spec("strategy-executor", "strategy_executor.handler", memory_mb=ONE_CORE_MB, timeout_s=180),
    Spec("event-relay", "event_relay.handler", timeout_s=60),
)

CALL_BROKERS = {
    "broker-account-manager",
    "precision-timer-decide",
    "instrument-masters",
    "rehearsal",
    "strategy-executor",
}
"""Functions that log in at brokers, order or look there, or fetch lists of contracts and prices."""


class Functions(Construct):
    """The functions by name, each with a role and a log of its own.

    Those that call brokers leave from the stage's fixed addresses, where it has any; the others from anywhere.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        stage: Stage,
        code: FunctionCode,
        environment: Mapping[str, str],
        addresses: FixedAddresses | None,
    ) -> None:
        super().__init__(scope, id_)
        self._stage = stage
        self._environment = environment
        self._addresses = addresses
        self._source = lambda_.Code.from_asset(str(code.source))
        self._layer = lambda_.LayerVersion(
            self,
            "Dependencies",
            code=lambda_.Code.from_asset(
                str(code.layer), asset_hash=code.fingerprint, asset_hash_type=AssetHashType.CUSTOM
            ),
            compatible_runtimes=[RUNTIME],
            compatible_architectures=[ARCHITECTURE],
            description="What the functions import beside the standard library and boto3",
        )
        self._by_name = {spec.name: self._function(spec) for spec in FUNCTIONS}

    def __getitem__(self, name: str) -> lambda_.Function:
        return self._by_name[name]

    def _function(self, spec: Spec) -> lambda_.Function:
        name = f"{self._stage.prefix}-{spec.name}"
        id_ = "".join(word.title() for word in spec.name.split("-"))
        log = logs.LogGroup(
            self,
            f"{id_}Log",
            log_group_name=f"/aws/lambda/{name}",
            retention=logs.RetentionDays[self._stage.log_retention],
            removal_policy=RemovalPolicy.RETAIN if self._stage.keep_data else RemovalPolicy.DESTROY,
        )
        role = iam.Role(self, f"{id_}Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        log.grant_write(role)
        way_out = self._addresses if spec.name in CALL_BROKERS else None
        if way_out:
            way_out.admit(role)
        return lambda_.Function(
            self,
            id_,
            function_name=name,
            handler=f"quantleap.handlers.{spec.handler}",
            code=self._source,
            layers=[self._layer],
            runtime=RUNTIME,
            architecture=ARCHITECTURE,
            memory_size=spec.memory_mb,
            timeout=Duration.seconds(spec.timeout_s),
            role=role,
            log_group=log,
            environment={
                **self._environment,
                **(way_out.told if way_out else {}),
                "POWERTOOLS_SERVICE_NAME": spec.name,
            },
            vpc=way_out.network if way_out else None,
            vpc_subnets=way_out.inside if way_out else None,
            security_groups=[way_out.door] if way_out else None,
        )

"""The whole of one stage."""

from aws_cdk import CfnOutput, Fn, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdk_stack.access import grant_access
from cdk_stack.bundling import FunctionCode
from cdk_stack.constructs.alarms import Alarms, Limit, Watched
from cdk_stack.constructs.credential_vault import CredentialVault
from cdk_stack.constructs.events import LATE, Events
from cdk_stack.constructs.faults import Faults
from cdk_stack.constructs.fixed_addresses import FixedAddresses
from cdk_stack.constructs.functions import Functions
from cdk_stack.constructs.identity import Identity
from cdk_stack.constructs.instrument_masters import InstrumentMasters
from cdk_stack.constructs.partner_api import PartnerApi
from cdk_stack.constructs.plans_bucket import PlansBucket
from cdk_stack.constructs.precision_timer import PrecisionTimer
from cdk_stack.constructs.rehearsals import Rehearsals
from cdk_stack.constructs.trading_table import TradingTable
from cdk_stack.environment import environment
from cdk_stack.stage import Stage as StageSettings


class OptionsTradingStack(Stack):
    """Partners and administrators use the API, boundaries the timer; all meet in the table."""

    def __init__(self, scope: Construct, *, stage: StageSettings, code: FunctionCode) -> None:
        super().__init__(
            scope,
            stage.prefix,
            description=f"QuantLeap marketplace of option strategies, stage {stage.name}",
            termination_protection=stage.keep_data,
            tags={"project": stage.project, "stage": stage.name},
        )
        keep = stage.keep_data
        self.identity = Identity(self, "Identity", name=f"{stage.prefix}-users", keep=keep)
        self.trading = TradingTable(self, "Trading", name=f"{stage.prefix}-trading-configurations", keep=keep)
        self.plans = PlansBucket(self, "Plans", keep=keep)
        self.vault = CredentialVault(self, "CredentialVault", stage=stage)
        self.addresses = self._addresses(stage)
        self.functions = Functions(
            self,
            "Functions",
            stage=stage,
            code=code,
            environment=self._told(stage),
            addresses=self.addresses,
        )
        self.timer = PrecisionTimer(
            self, "PrecisionTimer", stage=stage, functions=self.functions, plans=self.plans.bucket
        )
        self.partner_api = PartnerApi(
            self, "PartnerApi", stage=stage, functions=self.functions, pool=self.identity.pool
        )
        self.masters = InstrumentMasters(self, "InstrumentMasters", prefix=stage.prefix, functions=self.functions)
        self.rehearsals = Rehearsals(self, "Rehearsals", prefix=stage.prefix, functions=self.functions)
        self.faults = Faults(self, "Faults", prefix=stage.prefix, functions=self.functions)
        self.events = Events(self, "Events", stage=stage, functions=self.functions, table=self.trading.table)
        grant_access(self.functions, table=self.trading.table, plans=self.plans, vault=self.vault, events=self.events)
        self._let_functions_start_the_timer()
        self.alarms = self._alarms(stage.prefix)
        self._outputs()

    def _addresses(self, stage: StageSettings) -> FixedAddresses | None:
        if not stage.fixed_addresses:
            return None
        return FixedAddresses(
            self,
            "Addresses",
            prefix=stage.prefix,
            count=stage.fixed_addresses,
            one_in_use=stage.one_address_in_use,
        )

    def _told(self, stage: StageSettings) -> dict[str, str]:
        return environment(
            stage,
            table=self.trading.table.table_name,
            plans=self.plans.bucket.bucket_name,
            client=self.identity.client.user_pool_client_id,
            vault_key=self.vault.key_id,
        )

    def _let_functions_start_the_timer(self) -> None:
        """Runs outside the schedule: a partner's sandbox, a halt that squares off, halves that are unwound."""
        for name in ("execution-manager", "basket-manager", "precision-timer-report"):
            self.functions[name].add_to_role_policy(
                iam.PolicyStatement(actions=["states:StartExecution"], resources=[self.timer.arn])
            )
            self.functions[name].add_environment("PRECISION_TIMER_ARN", self.timer.arn)

    def _alarms(self, prefix: str) -> Alarms:
        return Alarms(
            self,
            "Alarms",
            prefix=prefix,
            never={
                "boundary-missed": self.timer.missed.metric_approximate_number_of_messages_visible(),
                "timer-failed": self.timer.machine.metric_failed(),
                "executor-failed": self.functions["strategy-executor"].metric_errors(),
                "position-left-half": self.timer.left_half,
                "shards-missing": self.timer.shards_missing,
                "address-not-allowed": self.timer.address_refused,
                "broker-taken-out": self.timer.taken_out,
                "account-faulted": self.faults.of_accounts,
                "run-not-planned": self.faults.of_plans,
                "row-unreadable": self.faults.of_rows,
                "instrument-masters-failed": self.functions["instrument-masters"].metric_errors(),
                "instrument-master-refused": self.masters.refused,
                "contract-terms-differ": self.masters.different_terms,
                "trading-calendar-ends": self.rehearsals.calendar_ends,
                # Not the authorizer's errors: it turns every wrong key away by raising one.
                "api-failed": self.partner_api.api.metric_server_error(),
                "event-not-delivered": self.events.undelivered.metric_approximate_number_of_messages_visible(),
                **self._never_on_the_way_out(),
            },
            limits={"events-late": Limit(self.events.age, LATE.to_milliseconds())},
        )

    def _never_on_the_way_out(self) -> dict[str, Watched]:
        return {"ports-ran-out": self.addresses.out_of_ports} if self.addresses else {}

    def _outputs(self) -> None:
        outputs = {
            "ApiId": self.partner_api.api.rest_api_id,
            "ApiStage": self.partner_api.api.deployment_stage.stage_name,
            "UserPoolId": self.identity.pool.user_pool_id,
            "UserPoolClientId": self.identity.client.user_pool_client_id,
            "TableName": self.trading.table.table_name,
            "PlansBucket": self.plans.bucket.bucket_name,
            "StateMachineArn": self.timer.machine.state_machine_arn,
            "AlarmTopicArn": self.alarms.topic.topic_arn,
            "EventBusName": self.events.bus.event_bus_name,
        }
        if self.addresses:
            outputs["FixedAddresses"] = Fn.join(",", self.addresses.public)
        for name, value in outputs.items():
            CfnOutput(self, name, value=value)

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cdk_stack.routes import ENTRANCES, Auth
from cdk_stack.table_design import INDEXES
from quantleap.runtime.api import SAFE
from quantleap.runtime.settings import Settings
from tests.infrastructure.template import Properties, Template, text

KEPT = (
    "AWS::DynamoDB::GlobalTable",
    "AWS::S3::Bucket",
    "AWS::Cognito::UserPool",
    "AWS::Logs::LogGroup",
    "AWS::StepFunctions::StateMachine",
)


def test_cfn_lint_finds_nothing_in_either_stage(dev: Template, prod: Template) -> None:
    # CDK lets a function wait for its role twice, by name and by reference: W3005.
    options = ("--ignore-checks", "W3005", "--regions", "ap-south-1", "--template")
    command = (Path(sys.executable).with_name("cfn-lint"), *options, dev.path, prod.path)

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


class TestTable:
    def test_has_the_keys_and_every_index_of_the_design(self, dev: Template) -> None:
        table = dev.only("AWS::DynamoDB::GlobalTable")

        assert _keys(table) == ["user_id", "sort_key"]
        assert {each["IndexName"]: _keys(each) for each in table["GlobalSecondaryIndexes"]} == {
            "AllocationsByBasket": ["basket_id", "user_id"],
            "ScheduleDiscovery": ["schedule_slot", "basket_id"],
            "MarketplaceDiscovery": ["marketplace_category", "subscriber_count"],
            "UserSubscriptions": ["user_id", "subscription_status_date"],
            "TemplateSubscribers": ["template_basket_id", "subscription_status_date"],
            "PartnerSubscriptions": ["tenant", "subscription_status_date"],
            "UserExecutions": ["executed_for", "executed_run"],
        }

    def test_ranks_templates_by_number_not_by_text(self, dev: Template) -> None:
        types = {a["AttributeName"]: a["AttributeType"] for a in _table(dev)["AttributeDefinitions"]}

        assert types.pop("subscriber_count") == "N"
        assert set(types.values()) == {"S"}

    @pytest.mark.parametrize("name", ["TemplateSubscribers", "UserExecutions"])
    def test_carries_only_what_is_needed_to_the_indexes_of_runs(self, dev: Template, name: str) -> None:
        projections = {each["IndexName"]: each["Projection"] for each in _table(dev)["GlobalSecondaryIndexes"]}

        narrow = projections[name]
        assert narrow["ProjectionType"] == "INCLUDE"
        (index,) = (each for each in INDEXES if each.name == name)
        assert set(narrow["NonKeyAttributes"]) == set(index.projected)

    def test_carries_whole_items_to_every_other_index(self, dev: Template) -> None:
        projections = {each["IndexName"]: each["Projection"] for each in _table(dev)["GlobalSecondaryIndexes"]}

        for name in ("TemplateSubscribers", "UserExecutions"):
            projections.pop(name)
        assert all(each == {"ProjectionType": "ALL"} for each in projections.values())

    def test_forgets_what_expired_streams_changes_and_can_be_restored(self, either: Template) -> None:
        table = _table(either)

        assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
        assert table["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}
        assert table["BillingMode"] == "PAY_PER_REQUEST"
        (here,) = table["Replicas"]
        assert here["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}


class TestRealMoney:
    def test_has_to_be_asked_for(self, dev: Template, prod: Template) -> None:
        assert {each["REAL_BROKERS"] for each in _environments(dev)} == {"false"}
        assert {each["REAL_BROKERS"] for each in _environments(prod)} == {"true"}

    def test_never_stands_beside_the_simulator(self, dev: Template, prod: Template) -> None:
        assert {each["SIMULATED_BROKER_URL"] for each in _environments(dev)} == {"http://127.0.0.1:4567"}
        assert not any("SIMULATED_BROKER_URL" in each or "MARKET_FEED_URL" in each for each in _environments(prod))

    def test_trades_in_the_exchanges_hours_with_the_designs_lead_times(self, prod: Template) -> None:
        told = _environments(prod)[0]

        assert told["MARKET_HOURS"] == "exchange"
        leads = ("WARM_LEAD_S", "LAST_LOOK_LEAD_S", "MAX_LATENESS_S", "SHARD_SIZE")
        assert [told[name] for name in leads] == ["30", "3", "3", "250"]

    def test_tells_where_logins_of_ones_own_may_return_to(self, dev: Template, prod: Template) -> None:
        pages = {stage: {each["REDIRECT_URLS"] for each in _environments(stage)} for stage in (dev, prod)}

        assert pages[dev] == {"https://app-dev.quantleap.in/auth/broker/callback"}
        assert pages[prod] == {"https://app.quantleap.in/auth/broker/callback"}


class TestProduction:
    def test_keeps_its_data_when_the_stack_goes(self, dev: Template, prod: Template) -> None:
        assert {each["DeletionPolicy"] for kind in KEPT for each in prod.all(kind)} == {"Retain"}
        assert {each["DeletionPolicy"] for kind in KEPT for each in dev.all(kind)} == {"Delete"}

    def test_cannot_lose_table_or_users_by_one_call(self, prod: Template) -> None:
        (here,) = _table(prod)["Replicas"]

        assert here["DeletionProtectionEnabled"] is True
        assert prod.only("AWS::Cognito::UserPool")["DeletionProtection"] == "ACTIVE"

    def test_keeps_logs_for_five_years_and_dev_for_two_weeks(self, dev: Template, prod: Template) -> None:
        assert {each["RetentionInDays"] for each in prod.properties("AWS::Logs::LogGroup")} == {1827}
        assert {each["RetentionInDays"] for each in dev.properties("AWS::Logs::LogGroup")} == {14}


class TestFunctions:
    def test_run_this_projects_python_on_graviton(self, either: Template) -> None:
        kinds = {(f["Runtime"], *f["Architectures"]) for f in either.properties("AWS::Lambda::Function")}

        assert kinds == {("python3.13", "arm64")}

    def test_are_told_what_their_settings_ask_for(self, either: Template) -> None:
        for told in _environments(either):
            asked = [name for name in Settings.model_fields if name.upper() in told]
            Settings.model_validate({name: text(told[name.upper()]) for name in asked})

    def test_log_under_their_own_names(self, dev: Template) -> None:
        named = dev.function("partner-auth")["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"]

        assert named == "partner-auth"

    def test_only_those_that_start_runs_know_the_state_machine(self, dev: Template) -> None:
        knowing = {
            f["FunctionName"]
            for f in dev.properties("AWS::Lambda::Function")
            if "PRECISION_TIMER_ARN" in f["Environment"]["Variables"]
        }

        starters = ("basket-manager", "execution-manager", "precision-timer-report")
        assert knowing == {f"quantleap-dev-{name}" for name in starters}

    def test_the_executor_has_a_whole_core_and_three_minutes(self, dev: Template) -> None:
        executor = dev.function("strategy-executor")

        assert (executor["MemorySize"], executor["Timeout"]) == (1769, 180)

    def test_ship_sources_with_their_bytecode_and_nothing_else(self, dev: Template) -> None:
        key = dev.function("partner-auth")["Code"]["S3Key"].removesuffix(".zip")
        asset = dev.path.parent / f"asset.{key}"

        files = [path for path in asset.rglob("*") if path.is_file()]
        sources = {path.stem for path in files if path.suffix == ".py"}
        assert (asset / "quantleap" / "handlers" / "partner_auth.py").is_file()
        assert {path.suffix for path in files} == {".py", ".pyc", ".json"}
        assert {path.name.partition(".")[0] for path in files if path.suffix == ".pyc"} == sources


# Whether somebody who signed in is an administrator, the function asks.
AT_THE_GATEWAY = {
    Auth.PUBLIC: "NONE",
    Auth.PARTNER: "CUSTOM",
    Auth.USER: "COGNITO_USER_POOLS",
    Auth.ADMIN: "COGNITO_USER_POOLS",
}


class TestApi:
    def test_has_every_path_behind_the_door_the_table_names(self, dev: Template) -> None:
        assert sorted(_declared(dev)) == sorted(
            ("ANY", entrance.path, entrance.function, AT_THE_GATEWAY[entrance.auth]) for entrance in ENTRANCES
        )

    def test_leaves_a_stack_room_to_grow_below_its_500_resources(self, dev: Template) -> None:
        assert len(dev.resources) < 350

    def test_catches_no_path_that_is_not_in_the_table(self, dev: Template) -> None:
        assert not [path for path in dev.paths().values() if "+" in path]

    def test_lets_functions_be_called_by_their_own_paths_only(self, dev: Template) -> None:
        sources = {
            text(each["SourceArn"])
            for each in dev.properties("AWS::Lambda::Permission")
            if each["Principal"] == "apigateway.amazonaws.com"
        }

        assert len(sources) == len(ENTRANCES) + 1  # the authorizer is called by no path
        assert not [source for source in sources if "test-invoke-stage" in source]

    def test_trusts_a_checked_pair_of_headers_for_a_minute(self, either: Template) -> None:
        (partners,) = (a for a in either.properties("AWS::ApiGateway::Authorizer") if a["Type"] == "REQUEST")

        identity = "method.request.header.Authorization,method.request.header.X-Partner-Secret"
        assert partners["IdentitySource"] == identity
        assert partners["AuthorizerResultTtlInSeconds"] == 60

    def test_answers_in_one_shape_even_when_no_function_does(self, either: Template) -> None:
        for answer in either.properties("AWS::ApiGateway::GatewayResponse"):
            body = json.loads(answer["ResponseTemplates"]["application/json"])
            assert list(body) == ["statusCode", "error", "message", "code", "request_id"]
            assert str(body["statusCode"]) == answer["StatusCode"]
            assert body["request_id"] == "$context.requestId"
            assert answer["ResponseParameters"]["gatewayresponse.header.X-Request-Id"] == "context.requestId"
            told = {f"gatewayresponse.header.{name}": f"'{value}'" for name, value in SAFE.items()}
            assert told.items() <= answer["ResponseParameters"].items()

    def test_calls_a_refused_pair_what_the_documents_call_it(self, dev: Template) -> None:
        for cause in ("UNAUTHORIZED", "ACCESS_DENIED"):  # without both headers, and denied by the authorizer
            refused = _gateway_answer(dev, cause)
            assert refused["StatusCode"] == "401"
            assert refused["ResponseParameters"]["gatewayresponse.header.WWW-Authenticate"] == "'Bearer'"
            body = json.loads(refused["ResponseTemplates"]["application/json"])
            assert (body["error"], body["code"]) == ("Invalid API key or secret", "invalid_credentials")

    def test_calls_a_missing_path_missing_with_and_without_credentials(self, dev: Template) -> None:
        # AWS takes an Authorization header on an unknown path for a bad signature.
        causes = ("MISSING_AUTHENTICATION_TOKEN", "INVALID_SIGNATURE", "DEFAULT_4XX")

        assert {_gateway_answer(dev, cause)["StatusCode"] for cause in causes} == {"404"}

    def test_tells_a_throttled_caller_when_to_come_back(self, dev: Template) -> None:
        headers = _gateway_answer(dev, "THROTTLED")["ResponseParameters"]

        assert headers["gatewayresponse.header.Retry-After"] == "'1'"

    def test_logs_who_and_what_but_nothing_a_caller_wrote(self, either: Template) -> None:
        logged = either.only("AWS::ApiGateway::Stage")["AccessLogSetting"]["Format"]

        assert {"$context.requestId", "$context.resourcePath", "$context.status"} <= set(json.loads(logged).values())
        assert not [word for word in ("header", "$context.path", "querystring", "token") if word in logged]

    def test_is_throttled_as_a_whole(self, either: Template) -> None:
        (everything,) = either.only("AWS::ApiGateway::Stage")["MethodSettings"]

        assert everything["ThrottlingRateLimit"] > 0
        assert everything["ThrottlingBurstLimit"] > 0
        assert everything["DataTraceEnabled"] is False


class TestIdentity:
    def test_has_a_group_of_administrators_and_no_open_door(self, either: Template) -> None:
        assert either.only("AWS::Cognito::UserPoolGroup")["GroupName"] == "Admins"
        pool = either.only("AWS::Cognito::UserPool")
        assert pool["AdminCreateUserConfig"]["AllowAdminCreateUserOnly"] is True

    def test_does_not_tell_who_has_an_account(self, either: Template) -> None:
        assert either.only("AWS::Cognito::UserPoolClient")["PreventUserExistenceErrors"] == "ENABLED"


def test_outputs_are_what_the_local_platform_and_deploy_script_read(dev: Template) -> None:
    assert {
        "ApiId",
        "ApiStage",
        "UserPoolId",
        "UserPoolClientId",
        "TableName",
        "PlansBucket",
        "StateMachineArn",
    } <= dev.outputs.keys()


def test_every_alarm_may_speak_to_the_topic(either: Template) -> None:
    alarms = either.properties("AWS::CloudWatch::Alarm")
    (allowed,) = (
        statement
        for statement in either.only("AWS::SNS::TopicPolicy")["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
    )

    assert {text(action) for alarm in alarms for action in alarm["AlarmActions"]} == {text(allowed["Resource"])}
    assert (allowed["Action"], allowed["Principal"]) == ("sns:Publish", {"Service": "cloudwatch.amazonaws.com"})


def test_somebody_is_woken_for_a_missed_boundary_and_every_failure(dev: Template, prod: Template) -> None:
    everywhere = {
        "boundary-missed",
        "broker-taken-out",
        "account-faulted",
        "row-unreadable",
        "run-not-planned",
        "timer-failed",
        "executor-failed",
        "position-left-half",
        "shards-missing",
        "api-failed",
        "instrument-masters-failed",
        "instrument-master-refused",
        "address-not-allowed",
        "contract-terms-differ",
        "trading-calendar-ends",
        "event-not-delivered",
        "events-late",
    }

    assert _alarms(dev) == everywhere
    assert _alarms(prod) == everywhere | {"ports-ran-out"}


def _alarms(template: Template) -> set[str]:
    alarms = template.properties("AWS::CloudWatch::Alarm")
    return {str(alarm["AlarmName"]).split("-", maxsplit=2)[2] for alarm in alarms}


def _table(template: Template) -> Properties:
    return template.only("AWS::DynamoDB::GlobalTable")


def _keys(schema: Properties) -> list[str]:
    return [each["AttributeName"] for each in sorted(schema["KeySchema"], key=lambda key: key["KeyType"])]


def _environments(template: Template) -> list[Properties]:
    return [f["Environment"]["Variables"] for f in template.properties("AWS::Lambda::Function")]


def _gateway_answer(template: Template, cause: str) -> Properties:
    (found,) = (a for a in template.properties("AWS::ApiGateway::GatewayResponse") if a["ResponseType"] == cause)
    return found


def _declared(template: Template) -> list[tuple[str, str, str, str]]:
    paths = template.paths()
    return [
        (
            method["HttpMethod"],
            paths[text(method["ResourceId"])],
            _called(template, method),
            method["AuthorizationType"],
        )
        for method in template.properties("AWS::ApiGateway::Method")
    ]


def _called(template: Template, method: Properties) -> str:
    uri = text(method["Integration"]["Uri"])
    return template.name_of(uri.split("/functions/")[1].removesuffix("/invocations"))

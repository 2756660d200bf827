from collections.abc import Iterable

from tests.infrastructure.template import Statement, Template, text

ON_EVERYTHING = {
    # AWS offers these no narrower resource.
    "secretsmanager:BatchGetSecretValue",  # each value still needs GetSecretValue on its own secret
    "ec2:DescribeNetworkInterfaces",  # Lambda's own, where it plugs a function into the network of fixed addresses
    "ec2:DescribeSubnets",
    "dynamodb:ListStreams",  # the event relay's, asked for by the service that reads the stream for it
    "logs:CreateLogDelivery",  # the state machine's log: deliveries belong to the account
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
}


def test_no_role_has_an_action_with_a_wildcard(either: Template) -> None:
    assert not [action for action in _actions(either.statements()) if "*" in action]


def test_no_role_reaches_everything_where_aws_offers_less(either: Template) -> None:
    everywhere = [each for each in either.statements() if "*" in each.resources]

    assert _actions(everywhere) <= ON_EVERYTHING


def test_only_the_gateway_itself_has_a_policy_written_by_aws(either: Template) -> None:
    managed = [text(arn) for role in either.properties("AWS::IAM::Role") for arn in role.get("ManagedPolicyArns", ())]

    assert [arn.rsplit("/", 1)[1] for arn in managed] == ["AmazonAPIGatewayPushToCloudWatchLogs"]


def test_nothing_may_scan_or_delete_the_table(either: Template) -> None:
    assert not _actions(either.statements()) & {
        "dynamodb:Scan",
        "dynamodb:DeleteTable",
        "dynamodb:BatchWriteItem",
    }


def test_the_authorizer_reads_single_items_and_nothing_else(either: Template) -> None:
    assert _beyond_logs(either, "partner-auth") == {"dynamodb:GetItem"}


def test_who_writes_only_if_something_else_still_stands_may_ask_that(either: Template) -> None:
    for function in ("subscription-manager", "basket-manager"):
        assert "dynamodb:ConditionCheckItem" in _beyond_logs(either, function)


def test_secrets_are_reached_by_those_who_need_them_in_this_stages_folder(dev: Template) -> None:
    reaching = [each for each in dev.statements() if any(a.startswith("secretsmanager:") for a in each.actions)]
    folders = {resource for each in reaching for resource in each.resources if resource != "*"}

    assert {each.role for each in reaching} == _roles(
        dev, "broker-account-manager", "strategy-executor", "instrument-masters", "rehearsal"
    )
    assert {folder.split(":secret:")[1] for folder in folders} == {"quantleap/dev/*", "quantleap/dev/*/oauth-token-*"}


def test_only_who_stores_credentials_reads_them_the_others_read_sessions(dev: Template) -> None:
    for name in ("strategy-executor", "instrument-masters", "rehearsal"):
        own = [each for each in dev.statements(name) if "secretsmanager:GetSecretValue" in each.actions]
        assert [resource.split(":secret:")[1] for each in own for resource in each.resources] == [
            "quantleap/dev/*/oauth-token-*"
        ]


def test_the_executor_reads_secrets_and_plans_but_changes_neither(either: Template) -> None:
    allowed = _beyond_logs(either, "strategy-executor")

    assert {a for a in allowed if a.startswith(("secretsmanager:", "s3:"))} == {
        "secretsmanager:GetSecretValue",
        "secretsmanager:BatchGetSecretValue",
        "s3:GetObject",
    }


def test_of_the_functions_only_the_sandbox_starts_the_timer(either: Template) -> None:
    starting = {
        name
        for name in ("execution-manager", "strategy-executor", "subscription-manager", "precision-timer-due")
        if "states:StartExecution" in _beyond_logs(either, name)
    }

    assert starting == {"execution-manager"}


def test_each_function_writes_its_own_log_only(either: Template) -> None:
    for function in either.properties("AWS::Lambda::Function"):
        name = str(function["FunctionName"]).split("-", maxsplit=2)[2]
        logs = [each for each in either.statements(name) if "logs:PutLogEvents" in each.actions]
        assert [each.resources for each in logs] == [(f"${{{text(function['LoggingConfig']['LogGroup'])[2:-1]}.Arn}}",)]


def test_bucket_queues_and_topic_refuse_unencrypted_connections(either: Template) -> None:
    for kind in ("AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy"):
        for policy in either.properties(kind):
            denied = [s for s in policy["PolicyDocument"]["Statement"] if s["Effect"] == "Deny"]
            assert {"Bool": {"aws:SecureTransport": "false"}} in [s["Condition"] for s in denied]


def test_plans_are_encrypted_private_and_pass(either: Template) -> None:
    bucket = either.only("AWS::S3::Bucket")

    assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["LifecycleConfiguration"]["Rules"][0]["ExpirationInDays"] == 30


def _actions(statements: Iterable[Statement]) -> set[str]:
    return {action for each in statements for action in each.actions}


def _beyond_logs(template: Template, function: str) -> set[str]:
    return {action for action in _actions(template.statements(function)) if not action.startswith("logs:")}


def _roles(template: Template, *functions: str) -> set[str]:
    return {each.role for name in functions for each in template.statements(name)}

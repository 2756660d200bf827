"""A stage that reaches real brokers leaves from addresses that stay; any other has no network at all."""

import re
from pathlib import Path

import pytest
from aws_cdk import App, CfnOutput, Stack

from cdk_stack.access import ACCESS
from cdk_stack.constructs.fixed_addresses import FixedAddresses
from cdk_stack.constructs.functions import CALL_BROKERS
from tests.infrastructure.template import Properties, Statement, Template, text

OUTSIDE = "0.0.0.0/0"


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Template:
    return _alone(tmp_path_factory, 1)


@pytest.fixture(scope="module")
def five(tmp_path_factory: pytest.TempPathFactory) -> Template:
    return _alone(tmp_path_factory, 5)


@pytest.fixture(scope="module")
def spare(tmp_path_factory: pytest.TempPathFactory) -> Template:
    return _alone(tmp_path_factory, 3, one_in_use=True)


def _alone(folders: pytest.TempPathFactory, count: int, *, one_in_use: bool = False) -> Template:
    """A stack of nothing but so many addresses."""
    app = App(outdir=str(folders.mktemp("addresses")))
    stack = Stack(app, "Alone")
    addresses = FixedAddresses(stack, "Addresses", prefix="acme-live", count=count, one_in_use=one_in_use)
    CfnOutput(stack, "Metric", value=addresses.out_of_ports.expression)
    return Template(Path(app.synth().directory) / "Alone.template.json")


class TestWithoutTheSetting:
    @pytest.mark.parametrize("stage", ["dev", "local"])
    def test_there_is_nothing_of_a_network(self, stage: str, request: pytest.FixtureRequest) -> None:
        template: Template = request.getfixturevalue(stage)

        assert not [each["Type"] for each in template.resources.values() if each["Type"].startswith("AWS::EC2::")]
        assert not [each for each in template.statements() if any(a.startswith("ec2:") for a in each.actions)]
        assert "FixedAddresses" not in template.outputs
        for function in template.properties("AWS::Lambda::Function"):
            assert "VpcConfig" not in function
            assert "EGRESS_IP" not in function["Environment"]["Variables"]


class TestAddresses:
    def test_outlive_the_stack_and_every_change_of_it(self, prod: Template) -> None:
        addresses = prod.all("AWS::EC2::EIP")

        assert {(each["DeletionPolicy"], each["UpdateReplacePolicy"]) for each in addresses} == {("Retain", "Retain")}

    def test_keep_the_names_that_brokers_registered_them_under(self, prod: Template, five: Template) -> None:
        # Another logical id would be another address.
        assert _named(prod) == {"FixedAddress1": "quantleap-prod-1", "FixedAddress2": "quantleap-prod-2"}
        assert list(_named(five)) == [f"FixedAddress{number}" for number in range(1, 6)]

    def test_are_told_to_whoever_deploys(self, prod: Template) -> None:
        told = text(prod.outputs["FixedAddresses"]["Value"])

        assert told == "${FixedAddress1.PublicIp},${FixedAddress2.PublicIp}"

    def test_are_told_to_those_that_leave_from_them(self, prod: Template) -> None:
        told = {
            _short(function): text(function["Environment"]["Variables"].get("EGRESS_IP", ""))
            for function in prod.properties("AWS::Lambda::Function")
        }

        assert {name for name, address in told.items() if address} == CALL_BROKERS
        assert {told[name] for name in CALL_BROKERS} == {"${FixedAddress1.PublicIp}"}

    def test_lie_in_two_zones_so_that_one_may_fail(self, prod: Template) -> None:
        gateways = prod.properties("AWS::EC2::NatGateway")
        subnets = {text(each["SubnetId"])[2:-1] for each in gateways}
        zones = {_zone(prod.resources[name]["Properties"]) for name in subnets}

        assert [text(each["AllocationId"]) for each in gateways] == [
            "${FixedAddress1.AllocationId}",
            "${FixedAddress2.AllocationId}",
        ]
        assert zones == {0, 1}
        assert all(each.get("ConnectivityType", "public") == "public" for each in gateways)

    def test_are_spare_but_the_first_where_logins_and_orders_have_to_leave_from_one(self, spare: Template) -> None:
        [gateway] = spare.properties("AWS::EC2::NatGateway")
        routes = [each["NatGatewayId"] for each in spare.properties("AWS::EC2::Route") if "NatGatewayId" in each]

        assert (text(gateway["AllocationId"]), gateway.get("SecondaryAllocationIds")) == (
            "${FixedAddress1.AllocationId}",
            None,
        )
        assert len(routes) == 2
        assert routes[0] == routes[1]
        assert list(_named(spare)) == [f"FixedAddress{number}" for number in range(1, 4)]

    def test_beyond_two_are_shared_out_in_turn(self, five: Template) -> None:
        held = [
            [text(each["AllocationId"]), *map(text, each.get("SecondaryAllocationIds", ()))]
            for each in five.properties("AWS::EC2::NatGateway")
        ]

        assert [[int(name[len("${FixedAddress")]) for name in each] for each in held] == [[1, 3, 5], [2, 4]]

    def test_one_serves_both_zones_where_there_is_only_one(self, one: Template) -> None:
        (gateway,) = (name for name, each in one.resources.items() if each["Type"] == "AWS::EC2::NatGateway")
        out = [each for each in one.properties("AWS::EC2::Route") if "NatGatewayId" in each]

        assert [text(each["NatGatewayId"]) for each in out] == [f"${{{gateway}}}"] * 2


class TestWhoLeaves:
    def test_whoever_opens_users_secrets_or_reads_brokers_lists_and_nobody_else(self, prod: Template) -> None:
        inside = {_short(each) for each in prod.properties("AWS::Lambda::Function") if "VpcConfig" in each}

        assert inside == CALL_BROKERS
        assert inside == {name for name, access in ACCESS.items() if access.vault or access.masters}

    def test_leaves_from_private_subnets_of_both_zones_through_the_gateways(self, prod: Template) -> None:
        for function in _inside(prod):
            subnets = [text(each)[2:-1] for each in function["VpcConfig"]["SubnetIds"]]
            assert {_zone(prod.resources[each]["Properties"]) for each in subnets} == {0, 1}
            for subnet in subnets:
                (out,) = (each for each in _routes(prod, subnet) if each["DestinationCidrBlock"] == OUTSIDE)
                assert "NatGatewayId" in out
                assert "GatewayId" not in out

    def test_finds_the_way_out_ready(self, prod: Template) -> None:
        routes = {
            name
            for name, each in prod.resources.items()
            if each["Type"] == "AWS::EC2::Route" and "NatGatewayId" in each["Properties"]
        }

        for name in CALL_BROKERS:
            (function,) = (each for each in prod.all("AWS::Lambda::Function") if _short(each["Properties"]) == name)
            assert routes <= set(function["DependsOn"])


class TestNetwork:
    def test_lets_https_out_and_nothing_in(self, prod: Template) -> None:
        door = prod.only("AWS::EC2::SecurityGroup")
        (out,) = door["SecurityGroupEgress"]

        assert (out["IpProtocol"], out["FromPort"], out["ToPort"], out["CidrIp"]) == ("tcp", 443, 443, OUTSIDE)
        assert "SecurityGroupIngress" not in door
        assert not prod.all("AWS::EC2::SecurityGroupIngress")
        assert not prod.all("AWS::EC2::SecurityGroupEgress")
        assert {len(each["VpcConfig"]["SecurityGroupIds"]) for each in _inside(prod)} == {1}

    def test_gives_nothing_else_a_public_address(self, prod: Template) -> None:
        assert {each["MapPublicIpOnLaunch"] for each in prod.properties("AWS::EC2::Subnet")} == {False}

    def test_reaches_table_and_bucket_without_the_gateways(self, prod: Template) -> None:
        endpoints = prod.properties("AWS::EC2::VPCEndpoint")
        tables = {text(_table_of(prod, text(each)[2:-1])) for each in _inside(prod)[0]["VpcConfig"]["SubnetIds"]}

        assert {text(each["ServiceName"]).rsplit(".", 1)[1] for each in endpoints} == {"dynamodb", "s3"}
        assert {each["VpcEndpointType"] for each in endpoints} == {"Gateway"}
        assert all(tables <= set(map(text, each["RouteTableIds"])) for each in endpoints)

    def test_brings_no_function_of_anybody_else(self, prod: Template, dev: Template) -> None:
        # CDK would empty the default security group by one of its own.
        assert len(prod.all("AWS::Lambda::Function")) == len(dev.all("AWS::Lambda::Function"))
        assert not [each for each in prod.resources.values() if each["Type"].startswith("Custom::")]


class TestPermissions:
    def test_to_plug_in_are_those_of_who_is_inside(self, prod: Template) -> None:
        roles = {each.role for each in _of_the_network(prod)}

        assert roles == {each.role for name in CALL_BROKERS for each in prod.statements(name)}

    def test_are_what_lambda_asks_for_and_no_more(self, prod: Template) -> None:
        for name in CALL_BROKERS:
            assert {action for each in _of_the_network(prod, name) for action in each.actions} == {
                "ec2:CreateNetworkInterface",
                "ec2:DeleteNetworkInterface",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSubnets",
                "ec2:AssignPrivateIpAddresses",
                "ec2:UnassignPrivateIpAddresses",
            }

    def test_make_interfaces_in_these_subnets_behind_this_door_only(self, prod: Template) -> None:
        executor = prod.function("strategy-executor")
        (making,) = (
            each for each in _of_the_network(prod, "strategy-executor") if "ec2:CreateNetworkInterface" in each.actions
        )

        assert {each.rsplit(":", 1)[1] for each in making.resources} == {
            "network-interface/*",
            *(f"subnet/{text(each)}" for each in executor["VpcConfig"]["SubnetIds"]),
            *(f"security-group/{text(each)}" for each in executor["VpcConfig"]["SecurityGroupIds"]),
        }

    def test_are_lambdas_and_not_the_functions_own_codes(self, prod: Template) -> None:
        assert {str(each.conditions) for each in _of_the_network(prod)} == {
            str({"Null": {"lambda:SourceFunctionArn": "true"}})
        }


def test_somebody_is_woken_when_either_gateway_has_no_port_left(prod: Template) -> None:
    gateways = {name for name, each in prod.resources.items() if each["Type"] == "AWS::EC2::NatGateway"}
    (alarm,) = (
        each for each in prod.properties("AWS::CloudWatch::Alarm") if each["AlarmName"].endswith("ports-ran-out")
    )
    added = {each["Id"]: each for each in alarm["Metrics"]}
    (whole,) = (each for each in alarm["Metrics"] if "Expression" in each)
    asked = [added[name]["MetricStat"] for name in re.findall(r"FILL\((\w+), 0\)", whole["Expression"])]

    assert {each["Metric"]["MetricName"] for each in asked} == {"ErrorPortAllocation"}
    assert {text(each["Metric"]["Dimensions"][0]["Value"])[2:-1].split(".")[0] for each in asked} == gateways
    assert {(each["Stat"], each["Period"]) for each in asked} == {("Sum", 60)}
    assert alarm["Threshold"] == 1


def _named(template: Template) -> dict[str, str]:
    """Addresses by logical id, with the name people see."""
    return {
        name: each["Properties"]["Tags"][0]["Value"]
        for name, each in template.resources.items()
        if each["Type"] == "AWS::EC2::EIP"
    }


def _inside(template: Template) -> list[Properties]:
    return [each for each in template.properties("AWS::Lambda::Function") if "VpcConfig" in each]


def _of_the_network(template: Template, function: str | None = None) -> list[Statement]:
    return [each for each in template.statements(function) if any(a.startswith("ec2:") for a in each.actions)]


def _table_of(template: Template, subnet: str) -> object:
    (found,) = (
        each["RouteTableId"]
        for each in template.properties("AWS::EC2::SubnetRouteTableAssociation")
        if text(each["SubnetId"]) == f"${{{subnet}}}"
    )
    return found


def _routes(template: Template, subnet: str) -> list[Properties]:
    table = text(_table_of(template, subnet))
    return [each for each in template.properties("AWS::EC2::Route") if text(each["RouteTableId"]) == table]


def _zone(subnet: Properties) -> int:
    """Which of the region's zones."""
    number: int = subnet["AvailabilityZone"]["Fn::Select"][0]
    return number


def _short(function: Properties) -> str:
    return str(function["FunctionName"]).split("-", maxsplit=2)[2]

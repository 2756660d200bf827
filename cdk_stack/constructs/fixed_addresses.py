"""Where orders leave from: brokers take them from registered addresses only."""

from aws_cdk import CfnTag, RemovalPolicy, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

ZONES = 2
"""As many as a stack may use that is not tied to one account and region."""

OF_THE_SERVICE = {"Null": {"lambda:SourceFunctionArn": "true"}}
"""Lambda itself asks with a function's role; what the function's own code asks names the function."""

ON_EVERYTHING = ("ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets")
"""Actions AWS ties to no resource."""


class FixedAddresses(Construct):
    """A network whose only way out is HTTPS through NAT gateways, and their addresses, which outlive the stack.

    Which of the addresses a connection takes is nobody's choice, so every one of them has to be registered. With
    `one_in_use` all take the first, and the others are spare: some brokers know a token at the address alone that its
    login came from.
    """

    def __init__(self, scope: Construct, id_: str, *, prefix: str, count: int, one_in_use: bool = False) -> None:
        super().__init__(scope, id_)
        kept = [self._kept(number, f"{prefix}-{number}") for number in range(1, count + 1)]
        used = kept[:1] if one_in_use else kept
        self.public = [each.attr_public_ip for each in kept]
        self.network = self._network(used[:ZONES])
        self.inside = ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS)
        self.door = ec2.SecurityGroup(
            self, "Door", vpc=self.network, description="Functions that call brokers", allow_all_outbound=False
        )
        self.door.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(443), "Brokers and AWS, over TLS")
        self._gateways = _gateways(self.network)
        self._share_out(used[ZONES:])

    @property
    def told(self) -> dict[str, str]:
        """What functions inside are told: one broker wants our address in every request."""
        return {"EGRESS_IP": self.public[0]}

    @property
    def out_of_ports(self) -> cloudwatch.MathExpression:
        """How often a gateway had no port left for one more connection to the same place."""
        refused = {f"gateway{number}": _refused(each) for number, each in enumerate(self._gateways, 1)}
        return cloudwatch.MathExpression(
            expression=" + ".join(f"FILL({name}, 0)" for name in refused), using_metrics=refused
        )

    def admit(self, role: iam.IGrantable) -> None:
        """Let Lambda plug functions of this role in; the functions' own code may not do as much."""
        interfaces = self._arn("network-interface", "*")
        here = [self._arn("subnet", each.subnet_id) for each in self.network.private_subnets]
        door = self._arn("security-group", self.door.security_group_id)
        _allow(role, ("ec2:CreateNetworkInterface",), [interfaces, *here, door])
        _allow(
            role,
            ("ec2:DeleteNetworkInterface", "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses"),
            # Lambda looks whether the role may delete any interface before it plugs a function in:
            # docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions
            [self._arn("*", "*")],
        )
        _allow(role, ON_EVERYTHING, ["*"])

    def _kept(self, number: int, name: str) -> ec2.CfnEIP:
        """An address that no change of this code and no deletion of the stack gives up."""
        address = ec2.CfnEIP(self, f"Address{number}", domain="vpc", tags=[CfnTag(key="Name", value=name)])
        address.override_logical_id(f"FixedAddress{number}")
        address.apply_removal_policy(RemovalPolicy.RETAIN)
        return address

    def _network(self, first: list[ec2.CfnEIP]) -> ec2.Vpc:
        """Two zones; what goes to the table and the bucket takes neither NAT nor its price."""
        return ec2.Vpc(
            self,
            "Network",
            max_azs=ZONES,
            nat_gateways=len(first),
            nat_gateway_provider=ec2.NatProvider.gateway(
                eip_allocation_ids=[each.attr_allocation_id for each in first]
            ),
            subnet_configuration=[
                ec2.SubnetConfiguration(
                    name="Gateways", subnet_type=ec2.SubnetType.PUBLIC, cidr_mask=28, map_public_ip_on_launch=False
                ),
                ec2.SubnetConfiguration(name="Functions", subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS, cidr_mask=20),
            ],
            gateway_endpoints={
                "Table": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.DYNAMODB),
                "Bucket": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.S3),
            },
            # Nothing is in the default group; to empty it, CDK would bring a function and a role of its own.
            restrict_default_security_group=False,
        )

    def _share_out(self, more: list[ec2.CfnEIP]) -> None:
        """Give gateways further addresses, in turn."""
        for number, gateway in enumerate(self._gateways):
            mine = [each.attr_allocation_id for each in more[number::ZONES]]
            gateway.secondary_allocation_ids = mine or None

    def _arn(self, kind: str, name: str) -> str:
        return Stack.of(self).format_arn(service="ec2", resource=kind, resource_name=name)


def _gateways(network: ec2.Vpc) -> list[ec2.CfnNatGateway]:
    children = (subnet.node.try_find_child("NATGateway") for subnet in network.public_subnets)
    return [each for each in children if isinstance(each, ec2.CfnNatGateway)]


def _refused(gateway: ec2.CfnNatGateway) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace="AWS/NATGateway",
        metric_name="ErrorPortAllocation",
        dimensions_map={"NatGatewayId": gateway.attr_nat_gateway_id},
        statistic="Sum",
    )


def _allow(role: iam.IGrantable, actions: tuple[str, ...], resources: list[str]) -> None:
    iam.Grant.add_to_principal(grantee=role, actions=list(actions), resource_arns=resources, conditions=OF_THE_SERVICE)

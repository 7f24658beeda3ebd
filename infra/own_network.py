"""A VPC of the stack's own: a part of its range for each zone's machines, the last part for NAT gateways."""

from __future__ import annotations

import ipaddress
import json

import pulumi
import pulumi_aws as aws

from controller import policies
from infra import roles
from infra.config import StackConfig
from infra.keys import Keys
from infra.network_settings import Egress, OwnNetwork

_EVERYWHERE, _EVERYWHERE_6 = "0.0.0.0/0", "::/0"
_TLS = 443


class OwnVpc:
    """The VPC with its subnets and ways out; `subnets` is zone to subnet."""

    def __init__(self, config: StackConfig, network: OwnNetwork, keys: Keys, inside: pulumi.ResourceOptions) -> None:
        self._config, self._network, self._keys, self._inside = config, network, keys, inside
        self._vpc = aws.ec2.Vpc(
            "vpc",
            cidr_block=network.cidr,
            enable_dns_support=True,
            enable_dns_hostnames=True,
            assign_generated_ipv6_cidr_block=network.ipv6,
            tags=self._named(),
            opts=inside,
        )
        # Whoever forgets to name a security group must not get one that lets its members talk to each other.
        aws.ec2.DefaultSecurityGroup("unused", vpc_id=self._vpc.id, ingress=[], egress=[], opts=inside)
        self._gateway = aws.ec2.InternetGateway("gateway", vpc_id=self._vpc.id, tags=self._named(), opts=inside)
        self._tables: list[aws.ec2.RouteTable] = []
        self.addresses: list[pulumi.Output[str]] = []
        *parts, last = ipaddress.IPv4Network(network.cidr).subnets(prefixlen_diff=3)
        self._parts = [str(part) for part in parts]
        self._front = [str(part) for part in last.subnets(prefixlen_diff=3)]
        self.subnets = self._public() if network.egress is Egress.PUBLIC else self._private()
        self._logged()

    @property
    def id(self) -> pulumi.Output[str]:
        """The VPC's own id."""
        return self._vpc.id

    def endpoints(self, machines: pulumi.Input[str]) -> None:
        """Ways to AWS that do not lead over the internet, for a security group."""
        region, vpc = self._config.place.region, self._vpc.id
        # Free, and faster than the way round: the runner archive comes from S3.
        for service in ("s3", "dynamodb"):
            aws.ec2.VpcEndpoint(
                service,
                vpc_id=vpc,
                service_name=f"com.amazonaws.{region}.{service}",
                vpc_endpoint_type="Gateway",
                route_table_ids=[table.id for table in self._tables],
                tags=self._named(),
                opts=self._inside,
            )
        if not self._network.endpoints:
            return
        group = aws.ec2.SecurityGroup(
            "endpoints",
            name=f"{self._config.stack}-endpoints",
            description="AWS's services: TLS from the machines",
            vpc_id=vpc,
            ingress=[
                aws.ec2.SecurityGroupIngressArgs(
                    protocol="tcp", from_port=_TLS, to_port=_TLS, security_groups=[machines], description="machines"
                )
            ],
            egress=[],
            opts=self._inside,
        )
        for service in self._network.endpoints:
            aws.ec2.VpcEndpoint(
                service,
                vpc_id=vpc,
                service_name=f"com.amazonaws.{region}.{service}",
                vpc_endpoint_type="Interface",
                private_dns_enabled=True,
                subnet_ids=list(self.subnets.values()),
                security_group_ids=[group.id],
                tags=self._named(),
                opts=self._inside,
            )

    def _public(self) -> dict[str, pulumi.Input[str]]:
        table = self._table("routes", gateway_id=self._gateway.id)
        if self._network.ipv6:
            self._route_6("routes", table, gateway_id=self._gateway.id)
        return {
            zone: self._subnet(f"public-{zone}", self._parts[place], place, table, public=True)
            for place, zone in enumerate(self._network.zones)
        }

    def _private(self) -> dict[str, pulumi.Input[str]]:
        """Machines without addresses of their own; only the gateways stand in front."""
        front = self._table("front", gateway_id=self._gateway.id)
        zones = list(self._network.zones)
        served = zones if self._network.egress is Egress.NAT_PER_ZONE else zones[:1]
        gateways = {zone: self._nat(zone, self._front[place], front) for place, zone in enumerate(served)}
        out_6 = self._egress_only() if self._network.ipv6 else None
        subnets: dict[str, pulumi.Input[str]] = {}
        for place, zone in enumerate(zones):
            table = self._table(f"private-{zone}", nat_gateway_id=gateways.get(zone, gateways[zones[0]]).id)
            if out_6 is not None:
                self._route_6(f"private-{zone}", table, egress_only_gateway_id=out_6.id)
            subnets[zone] = self._subnet(f"private-{zone}", self._parts[place], place, table, public=False)
        return subnets

    def _egress_only(self) -> aws.ec2.EgressOnlyInternetGateway:
        return aws.ec2.EgressOnlyInternetGateway("out-6", vpc_id=self._vpc.id, tags=self._named(), opts=self._inside)

    def _nat(self, zone: str, block: str, front: aws.ec2.RouteTable) -> aws.ec2.NatGateway:
        subnet = aws.ec2.Subnet(
            f"front-{zone}",
            vpc_id=self._vpc.id,
            availability_zone=zone,
            cidr_block=block,
            tags=self._named(f"front-{zone[-1]}"),
            opts=self._inside,
        )
        aws.ec2.RouteTableAssociation(f"front-{zone}", subnet_id=subnet.id, route_table_id=front.id, opts=self._inside)
        address = aws.ec2.Eip(f"out-{zone}", domain="vpc", tags=self._named(f"out-{zone[-1]}"), opts=self._inside)
        self.addresses.append(address.public_ip)
        return aws.ec2.NatGateway(
            zone,
            subnet_id=subnet.id,
            allocation_id=address.allocation_id,
            tags=self._named(f"nat-{zone[-1]}"),
            # AWS makes one without the way out it is for, and it then fails in silence.
            opts=pulumi.ResourceOptions(parent=self._inside.parent, depends_on=[self._gateway]),
        )

    def _table(self, name: str, **way: pulumi.Input[str]) -> aws.ec2.RouteTable:
        table = aws.ec2.RouteTable(name, vpc_id=self._vpc.id, tags=self._named(name), opts=self._inside)
        self._tables.append(table)
        aws.ec2.Route(name, route_table_id=table.id, destination_cidr_block=_EVERYWHERE, opts=self._inside, **way)
        return table

    def _route_6(self, name: str, table: aws.ec2.RouteTable, **way: pulumi.Input[str]) -> None:
        aws.ec2.Route(
            f"{name}-6",
            route_table_id=table.id,
            destination_ipv6_cidr_block=_EVERYWHERE_6,
            opts=self._inside,
            **way,
        )

    def _subnet(
        self, name: str, block: str, place: int, table: aws.ec2.RouteTable, *, public: bool
    ) -> pulumi.Output[str]:
        kind, zone = name.split("-", 1)
        six = self._vpc.ipv6_cidr_block.apply(lambda whole: _sixty_four(whole, place)) if self._network.ipv6 else None
        subnet = aws.ec2.Subnet(
            name,
            vpc_id=self._vpc.id,
            availability_zone=zone,
            cidr_block=block,
            ipv6_cidr_block=six,
            assign_ipv6_address_on_creation=True if self._network.ipv6 else None,
            map_public_ip_on_launch=public,
            tags=self._named(f"{kind}-{zone[-1]}"),
            opts=self._inside,
        )
        aws.ec2.RouteTableAssociation(name, subnet_id=subnet.id, route_table_id=table.id, opts=self._inside)
        return subnet.id

    def _logged(self) -> None:
        """Who talked to whom, where somebody must be able to tell afterwards."""
        if not self._network.flow_logs:
            return
        config = self._config
        log = aws.cloudwatch.LogGroup(
            "flow",
            name=f"/aws/vendedlogs/{config.stack}-flow",
            retention_in_days=config.log_days,
            kms_key_id=self._keys.stack,
            opts=self._inside,
        )
        role = roles.role(config, "flow", "vpc-flow-logs", "Writes the VPC's flow log", self._inside)
        policy = log.arn.apply(lambda arn: json.dumps(policies.only(policies.own_log(arn))))
        aws.iam.RolePolicy("flow", role=role.name, policy=policy, opts=self._inside)
        aws.ec2.FlowLog(
            "flow",
            vpc_id=self._vpc.id,
            traffic_type="ALL",
            log_destination=log.arn,
            iam_role_arn=role.arn,
            tags=self._named(),
            opts=self._inside,
        )

    def _named(self, end: str = "") -> dict[str, str]:
        return {"Name": "-".join(filter(None, (self._config.stack, end)))}


def _sixty_four(whole: str, place: int) -> str:
    """The range of a zone: IPv6 subnets are always a /64."""
    return str(list(ipaddress.IPv6Network(whole).subnets(new_prefix=64))[place])

"""Makes captured resources in moto through boto3, whose validators know AWS's names, enums and ranges.

Pulumi's inputs are AWS's own in another spelling, so that most resources are one call; each type stands once in
`MAKERS`. What a later resource says of an earlier one's id is put into moto's terms on the way.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import Any

import boto3

from tests.infra.deployed import Deployed, Resource
from tests.infra.published import refuse_what_is_not_published

Inputs = dict[str, Any]


@dataclass(slots=True)
class Deployer:
    """One region of moto's account."""

    region: str = "us-east-1"
    ids: dict[str, str] = field(default_factory=dict)
    """What the captured run calls something, and what moto does."""
    _clients: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3's clients are made at run time
        if service not in self._clients:
            self._clients[service] = client = boto3.client(service, region_name=self.region)
            client.meta.events.register("before-parameter-build", refuse_what_is_not_published)
        return self._clients[service]

    def deploy(self, stack: Deployed) -> None:
        """Make all that can be made, in the order of their dependencies; the error names what AWS would refuse."""
        for found in in_order(stack):
            make = MAKERS.get(found.type)
            if make is None:
                continue
            try:
                made = make(self, self._known(found.inputs))
            except Exception as refused:
                raise AssertionError(f"{found}: {refused}") from refused
            for key, value in (made or {}).items():
                if key in found.made:
                    self.ids[found.made[key]] = value

    def _known(self, inputs: Mapping[str, Any]) -> Inputs:
        text = json.dumps(whole(inputs))
        for captured, made in self.ids.items():
            text = text.replace(captured, made)
        found: Inputs = json.loads(text)
        return found


def in_order(stack: Deployed) -> list[Resource]:
    """What others build on comes first."""
    by_urn = {found.options["urn"]: found for found in stack.resources}
    graph = {urn: [one for one in found.options["dependencies"] if one in by_urn] for urn, found in by_urn.items()}
    return [by_urn[urn] for urn in TopologicalSorter(graph).static_order()]


def whole(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Numbers as they were written: the engine's own are all floating."""
    if isinstance(value, Mapping):
        return {key: whole(item) for key, item in value.items()}
    if isinstance(value, list):
        return [whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def pascal(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """AWS's spelling of Pulumi's names."""
    if isinstance(value, Mapping):
        return {key[0].upper() + key[1:]: pascal(item) for key, item in value.items()}
    return [pascal(item) for item in value] if isinstance(value, list) else value


def _queue(at: Deployer, given: Inputs) -> Inputs:
    names = {
        "messageRetentionSeconds": "MessageRetentionPeriod",
        "visibilityTimeoutSeconds": "VisibilityTimeout",
        "sqsManagedSseEnabled": "SqsManagedSseEnabled",
        "redrivePolicy": "RedrivePolicy",
        "kmsMasterKeyId": "KmsMasterKeyId",
        "kmsDataKeyReusePeriodSeconds": "KmsDataKeyReusePeriodSeconds",
    }
    attributes = {names[key]: str(value) for key, value in given.items() if key != "name"}
    return {"url": at.client("sqs").create_queue(QueueName=given["name"], Attributes=attributes)["QueueUrl"]}


def _queue_attribute(name: str, key: str) -> Callable[[Deployer, Inputs], None]:
    def make(at: Deployer, given: Inputs) -> None:
        at.client("sqs").set_queue_attributes(QueueUrl=given["queueUrl"], Attributes={name: given[key]})

    return make


def _table(at: Deployer, given: Inputs) -> None:
    client = at.client("dynamodb")
    indexes = [
        {
            "IndexName": index["name"],
            "KeySchema": pascal(index["keySchemas"]),
            "Projection": {"ProjectionType": index["projectionType"]},
        }
        for index in given.get("globalSecondaryIndexes", [])
    ]
    key = given.get("serverSideEncryption")
    client.create_table(
        TableName=given["name"],
        BillingMode=given["billingMode"],
        KeySchema=[{"AttributeName": given["hashKey"], "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": a["name"], "AttributeType": a["type"]} for a in given["attributes"]],
        DeletionProtectionEnabled=given["deletionProtectionEnabled"],
        **({"GlobalSecondaryIndexes": indexes} if indexes else {}),
        **(
            {"SSESpecification": {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key["kmsKeyArn"]}} if key else {}
        ),
    )
    client.update_time_to_live(TableName=given["name"], TimeToLiveSpecification=pascal(given["ttl"]))
    client.update_continuous_backups(
        TableName=given["name"], PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )


def _key(at: Deployer, given: Inputs) -> Inputs:
    made = at.client("kms").create_key(
        Description=given["description"], Policy=given["policy"], MultiRegion=given.get("multiRegion", False)
    )["KeyMetadata"]
    return {"arn": made["Arn"], "keyId": made["KeyId"]}


def _secret(at: Deployer, given: Inputs) -> Inputs:
    key = {"KmsKeyId": given["kmsKeyId"]} if "kmsKeyId" in given else {}
    made = at.client("secretsmanager").create_secret(Name=given["name"], Description=given["description"], **key)
    return {"arn": made["ARN"]}


def _parameter(at: Deployer, given: Inputs) -> None:
    at.client("ssm").put_parameter(
        Name=given["name"], Value=given["insecureValue"], Type=given["type"], Description=given["description"]
    )


def _log(at: Deployer, given: Inputs) -> None:
    key = {"kmsKeyId": given["kmsKeyId"]} if "kmsKeyId" in given else {}
    at.client("logs").create_log_group(logGroupName=given["name"], **key)
    at.client("logs").put_retention_policy(logGroupName=given["name"], retentionInDays=given["retentionInDays"])


def _role(at: Deployer, given: Inputs) -> None:
    boundary = {"PermissionsBoundary": given["permissionsBoundary"]} if "permissionsBoundary" in given else {}
    at.client("iam").create_role(
        RoleName=given["name"],
        Path=given["path"],
        Description=given["description"],
        AssumeRolePolicyDocument=given["assumeRolePolicy"],
        **boundary,
    )


def _role_policy(at: Deployer, given: Inputs) -> None:
    at.client("iam").put_role_policy(RoleName=given["role"], PolicyName="rights", PolicyDocument=given["policy"])


def _attachment(at: Deployer, given: Inputs) -> None:
    iam, arn = at.client("iam"), given["policyArn"]
    # AWS's own are not in this moto; the operator's are there before the stack.
    if ":aws:policy/" not in arn:
        path, _, name = arn.partition(":policy")[2].rpartition("/")
        nothing = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}
        iam.create_policy(PolicyName=name, Path=f"{path}/", PolicyDocument=json.dumps(nothing))
        iam.attach_role_policy(RoleName=given["role"], PolicyArn=arn)


def _profile(at: Deployer, given: Inputs) -> None:
    at.client("iam").create_instance_profile(InstanceProfileName=given["name"], Path=given["path"])
    at.client("iam").add_role_to_instance_profile(InstanceProfileName=given["name"], RoleName=given["role"])


def _function(at: Deployer, given: Inputs) -> None:
    empty = io.BytesIO()
    zipfile.ZipFile(empty, "w").close()
    made = pascal({key: given[key] for key in ("runtime", "architectures", "handler", "role", "timeout", "memorySize")})
    at.client("lambda").create_function(
        FunctionName=given["name"],
        Description=given["description"],
        Code={"ZipFile": empty.getvalue()},
        Environment={"Variables": given["environment"]["variables"]},
        LoggingConfig=pascal(given["loggingConfig"]),
        **made,
    )
    reserved = given.get("reservedConcurrentExecutions")
    if reserved:
        at.client("lambda").put_function_concurrency(FunctionName=given["name"], ReservedConcurrentExecutions=reserved)


def _permission(at: Deployer, given: Inputs) -> None:
    at.client("lambda").add_permission(
        FunctionName=given["function"],
        StatementId="route",
        **pascal({key: given[key] for key in ("action", "principal", "sourceAccount", "sourceArn")}),
    )


def _call(service: str, operation: str, *names: str, **made: str) -> Callable[[Deployer, Inputs], Inputs]:
    """A resource whose inputs are one call's arguments; `made` tells which of the answer's fields are which ids."""

    def make(at: Deployer, given: Inputs) -> Inputs:
        chosen = {key: value for key, value in given.items() if not names or key in names}
        answer = getattr(at.client(service), operation)(**pascal(chosen))
        return {key: _inside(answer, path) for key, path in made.items()}

    return make


def _inside(answer: Mapping[str, Any], path: str) -> str:
    value: Any = answer
    for part in path.split("."):
        value = value[part]
    return str(value)


def _bucket(at: Deployer, given: Inputs) -> Inputs:
    at.client("s3").create_bucket(Bucket=given["bucket"])
    return {"id": given["bucket"]}


def _of_bucket(operation: str, argument: str, shape: Callable[[Inputs], Any]) -> Callable[[Deployer, Inputs], None]:
    def make(at: Deployer, given: Inputs) -> None:
        getattr(at.client("s3"), operation)(**{"Bucket": given["bucket"], argument: shape(given)})

    return make


def _sse(given: Inputs) -> Inputs:
    (rule,) = given["rules"]
    default = rule["applyServerSideEncryptionByDefault"]
    key = {"KMSMasterKeyID": default["kmsMasterKeyId"]} if "kmsMasterKeyId" in default else {}
    return {
        "Rules": [
            {
                "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": default["sseAlgorithm"], **key},
                "BucketKeyEnabled": rule.get("bucketKeyEnabled", False),
            }
        ]
    }


def _lifecycle(given: Inputs) -> Inputs:
    return {
        "Rules": [{**pascal({k: v for k, v in rule.items() if k != "id"}), "ID": rule["id"]} for rule in given["rules"]]
    }


def _public(given: Inputs) -> Inputs:
    return {key: value for key, value in pascal(given).items() if key != "Bucket"}


def _template(at: Deployer, given: Inputs) -> Inputs:
    names = (
        *("imageId", "keyName", "userData", "instanceInitiatedShutdownBehavior", "metadataOptions"),
        *("iamInstanceProfile", "tagSpecifications", "blockDeviceMappings"),
    )
    data = pascal({key: given[key] for key in names if key in given})
    data["SecurityGroupIds"] = given["vpcSecurityGroupIds"]
    for spec in data["TagSpecifications"]:
        spec["Tags"] = [{"Key": key, "Value": value} for key, value in spec["Tags"].items()]
    for disk in data["BlockDeviceMappings"]:
        disk["Ebs"] |= {name: disk["Ebs"][name] == "true" for name in ("Encrypted", "DeleteOnTermination")}
    client = at.client("ec2")
    # A dry request is checked by boto3 as the real one is.
    made = client.create_launch_template(LaunchTemplateName=given["name"], LaunchTemplateData=data)["LaunchTemplate"]
    return {"id": made["LaunchTemplateId"]}


def _group(at: Deployer, given: Inputs) -> Inputs:
    client = at.client("ec2")
    made = client.create_security_group(
        GroupName=given["name"], Description=given["description"], VpcId=given["vpcId"]
    )["GroupId"]
    for rule in given["ingress"]:
        client.authorize_security_group_ingress(GroupId=made, IpPermissions=[_permissions(rule)])
    return {"id": made}


def _permissions(rule: Inputs) -> Inputs:
    return {
        "IpProtocol": rule["protocol"],
        "FromPort": rule["fromPort"],
        "ToPort": rule["toPort"],
        "IpRanges": [{"CidrIp": one} for one in rule.get("cidrBlocks", [])],
        "Ipv6Ranges": [{"CidrIpv6": one} for one in rule.get("ipv6CidrBlocks", [])],
        "UserIdGroupPairs": [{"GroupId": one} for one in rule.get("securityGroups", [])],
    }


def _vpc(at: Deployer, given: Inputs) -> Inputs:
    client = at.client("ec2")
    made = client.create_vpc(
        CidrBlock=given["cidrBlock"], AmazonProvidedIpv6CidrBlock=given["assignGeneratedIpv6CidrBlock"]
    )["Vpc"]["VpcId"]
    return {"id": made}


def _subnet(at: Deployer, given: Inputs) -> Inputs:
    # moto gives a VPC an IPv6 range of its own choice, which the captured subnets are not in.
    wanted = pascal({key: given[key] for key in ("vpcId", "availabilityZone", "cidrBlock")})
    return {"id": at.client("ec2").create_subnet(**wanted)["Subnet"]["SubnetId"]}


def _gateway(at: Deployer, given: Inputs) -> Inputs:
    client = at.client("ec2")
    made = client.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    client.attach_internet_gateway(InternetGatewayId=made, VpcId=given["vpcId"])
    return {"id": made}


def _address(at: Deployer, given: Inputs) -> Inputs:
    made = at.client("ec2").allocate_address(Domain=given["domain"])
    return {"allocationId": made["AllocationId"]}


def _route(at: Deployer, given: Inputs) -> None:
    names = {"egressOnlyGatewayId": "EgressOnlyInternetGatewayId"}
    arguments = {names.get(key, key[0].upper() + key[1:]): value for key, value in given.items()}
    six = arguments.pop("DestinationIpv6CidrBlock", None)
    at.client("ec2").create_route(**arguments, **({"DestinationIpv6CidrBlock": six} if six else {}))


def _flow_log(at: Deployer, given: Inputs) -> None:
    at.client("ec2").create_flow_logs(
        ResourceIds=[given["vpcId"]],
        ResourceType="VPC",
        TrafficType=given["trafficType"],
        LogGroupName=given["logDestination"].partition(":log-group:")[2],
        DeliverLogsPermissionArn=given["iamRoleArn"],
    )


def _alarm(at: Deployer, given: Inputs) -> None:
    names = {"name": "AlarmName", "okActions": "OKActions"}
    arguments = {names.get(key, key[0].upper() + key[1:]): value for key, value in given.items()}
    if queries := arguments.pop("MetricQueries", []):
        arguments["Metrics"] = [_series(query) for query in queries]
    else:
        arguments["Dimensions"] = _dimensions(given)
    at.client("cloudwatch").put_metric_alarm(**arguments)


def _series(query: Inputs) -> Inputs:
    series: Inputs = pascal({key: value for key, value in query.items() if key != "metric"})
    if metric := query.get("metric"):
        at = _dimensions(metric)
        named = {"Namespace": metric["namespace"], "MetricName": metric["metricName"], "Dimensions": at}
        series["MetricStat"] = {"Metric": named, "Period": metric["period"], "Stat": metric["stat"]}
    return series


def _dimensions(given: Inputs) -> list[Inputs]:
    return [{"Name": key, "Value": value} for key, value in given.get("dimensions", {}).items()]


def _log_filter(at: Deployer, given: Inputs) -> None:
    counted = given["metricTransformation"]
    at.client("logs").put_metric_filter(
        logGroupName=given["logGroupName"],
        filterName=given["name"],
        filterPattern=given["pattern"],
        metricTransformations=[
            {
                "metricName": counted["name"],
                "metricNamespace": counted["namespace"],
                "metricValue": counted["value"],
                **{key: float(counted[key]) for key in ("defaultValue",) if key in counted},
            }
        ],
    )


def _target(at: Deployer, given: Inputs) -> None:
    at.client("events").put_targets(Rule=given["rule"], Targets=[{"Id": given["targetId"], "Arn": given["arn"]}])


def _stage(at: Deployer, given: Inputs) -> None:
    at.client("apigatewayv2").create_stage(
        ApiId=given["apiId"],
        StageName=given["name"],
        AutoDeploy=given["autoDeploy"],
        DefaultRouteSettings=pascal(given["defaultRouteSettings"]),
        AccessLogSettings=pascal(given["accessLogSettings"]),
    )


def _integration(at: Deployer, given: Inputs) -> Inputs:
    wanted = {key: value for key, value in given.items() if key != "timeoutMilliseconds"}
    made = at.client("apigatewayv2").create_integration(**pascal(wanted), TimeoutInMillis=given["timeoutMilliseconds"])
    return {"id": made["IntegrationId"]}


def _firewall(at: Deployer, given: Inputs) -> None:
    rules = pascal(given["rules"])
    for rule in rules:
        for statement in rule["Statement"]["AndStatement"]["Statements"]:
            if "IpSetReferenceStatement" in statement:
                arn = statement.pop("IpSetReferenceStatement")["Arn"]
                statement["IPSetReferenceStatement"] = {"ARN": arn}
        rule["VisibilityConfig"] = _visibility(rule["VisibilityConfig"])
    at.client("wafv2").create_web_acl(
        Name=given["name"],
        Scope=given["scope"],
        Description=given["description"],
        DefaultAction=pascal(given["defaultAction"]),
        VisibilityConfig=_visibility(pascal(given["visibilityConfig"])),
        Rules=rules,
    )


def _visibility(given: Inputs) -> Inputs:
    return {key.replace("Cloudwatch", "CloudWatch"): value for key, value in given.items()}


def _addresses(at: Deployer, given: Inputs) -> Inputs:
    wanted = pascal({key: given[key] for key in ("name", "scope", "description", "addresses")})
    made = at.client("wafv2").create_ip_set(**wanted, IPAddressVersion=given["ipAddressVersion"])
    return {"arn": made["Summary"]["ARN"]}


def _replication(given: Inputs) -> Inputs:
    rules = [{**pascal({k: v for k, v in rule.items() if k != "id"}), "ID": rule["id"]} for rule in given["rules"]]
    for rule in rules:
        key = rule["Destination"].get("EncryptionConfiguration")
        if key:
            rule["Destination"]["EncryptionConfiguration"] = {"ReplicaKmsKeyID": key["ReplicaKmsKeyId"]}
    return {"Role": given["role"], "Rules": rules}


MAKERS: Mapping[str, Callable[[Deployer, Inputs], Inputs | None]] = {
    f"aws:{kind}": make
    for kind, make in {
        "apigatewayv2/api:Api": _call("apigatewayv2", "create_api", id="ApiId"),
        "apigatewayv2/integration:Integration": _integration,
        "apigatewayv2/route:Route": _call("apigatewayv2", "create_route"),
        "apigatewayv2/stage:Stage": _stage,
        "cloudwatch/dashboard:Dashboard": _call("cloudwatch", "put_dashboard"),
        "cloudwatch/eventRule:EventRule": _call("events", "put_rule"),
        "cloudwatch/eventTarget:EventTarget": _target,
        "cloudwatch/logGroup:LogGroup": _log,
        "cloudwatch/logMetricFilter:LogMetricFilter": _log_filter,
        "cloudwatch/metricAlarm:MetricAlarm": _alarm,
        "dynamodb/table:Table": _table,
        "ec2/egressOnlyInternetGateway:EgressOnlyInternetGateway": _call(
            "ec2",
            "create_egress_only_internet_gateway",
            "vpcId",
            id="EgressOnlyInternetGateway.EgressOnlyInternetGatewayId",
        ),
        "ec2/eip:Eip": _address,
        "ec2/flowLog:FlowLog": _flow_log,
        "ec2/internetGateway:InternetGateway": _gateway,
        "ec2/launchTemplate:LaunchTemplate": _template,
        "ec2/natGateway:NatGateway": _call(
            "ec2", "create_nat_gateway", "subnetId", "allocationId", id="NatGateway.NatGatewayId"
        ),
        "ec2/route:Route": _route,
        "ec2/routeTable:RouteTable": _call("ec2", "create_route_table", "vpcId", id="RouteTable.RouteTableId"),
        "ec2/routeTableAssociation:RouteTableAssociation": _call("ec2", "associate_route_table"),
        "ec2/securityGroup:SecurityGroup": _group,
        "ec2/subnet:Subnet": _subnet,
        "ec2/vpc:Vpc": _vpc,
        "ec2/vpcEndpoint:VpcEndpoint": _call(
            "ec2",
            "create_vpc_endpoint",
            *("vpcId", "serviceName", "vpcEndpointType", "routeTableIds", "subnetIds", "securityGroupIds"),
            "privateDnsEnabled",
        ),
        "iam/instanceProfile:InstanceProfile": _profile,
        "iam/role:Role": _role,
        "iam/rolePolicy:RolePolicy": _role_policy,
        "iam/rolePolicyAttachment:RolePolicyAttachment": _attachment,
        "kms/alias:Alias": lambda at, given: at.client("kms").create_alias(
            AliasName=given["name"], TargetKeyId=given["targetKeyId"]
        ),
        "kms/key:Key": _key,
        "lambda/eventSourceMapping:EventSourceMapping": _call("lambda", "create_event_source_mapping"),
        "lambda/function:Function": _function,
        "lambda/permission:Permission": _permission,
        "s3/bucket:Bucket": _bucket,
        "s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": _of_bucket(
            "put_bucket_lifecycle_configuration", "LifecycleConfiguration", _lifecycle
        ),
        "s3/bucketOwnershipControls:BucketOwnershipControls": _of_bucket(
            "put_bucket_ownership_controls", "OwnershipControls", lambda given: {"Rules": [pascal(given["rule"])]}
        ),
        "s3/bucketPolicy:BucketPolicy": _of_bucket("put_bucket_policy", "Policy", lambda given: given["policy"]),
        "s3/bucketPublicAccessBlock:BucketPublicAccessBlock": _of_bucket(
            "put_public_access_block", "PublicAccessBlockConfiguration", _public
        ),
        "s3/bucketReplicationConfig:BucketReplicationConfig": _of_bucket(
            "put_bucket_replication", "ReplicationConfiguration", _replication
        ),
        "s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": _of_bucket(
            "put_bucket_encryption", "ServerSideEncryptionConfiguration", _sse
        ),
        "s3/bucketVersioning:BucketVersioning": _of_bucket(
            "put_bucket_versioning",
            "VersioningConfiguration",
            lambda given: pascal(given["versioningConfiguration"]),
        ),
        "scheduler/schedule:Schedule": _call("scheduler", "create_schedule"),
        "scheduler/scheduleGroup:ScheduleGroup": _call("scheduler", "create_schedule_group"),
        "secretsmanager/secret:Secret": _secret,
        "sns/topic:Topic": _call("sns", "create_topic"),
        "sns/topicPolicy:TopicPolicy": lambda at, given: at.client("sns").set_topic_attributes(
            TopicArn=given["arn"], AttributeName="Policy", AttributeValue=given["policy"]
        ),
        "sns/topicSubscription:TopicSubscription": lambda at, given: at.client("sns").subscribe(
            TopicArn=given["topic"], Protocol=given["protocol"], Endpoint=given["endpoint"]
        ),
        "sqs/queue:Queue": _queue,
        "sqs/queuePolicy:QueuePolicy": _queue_attribute("Policy", "policy"),
        "sqs/redriveAllowPolicy:RedriveAllowPolicy": _queue_attribute("RedriveAllowPolicy", "redriveAllowPolicy"),
        "ssm/parameter:Parameter": _parameter,
        "wafv2/ipSet:IpSet": _addresses,
        "wafv2/webAcl:WebAcl": _firewall,
    }.items()
}

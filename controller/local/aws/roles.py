"""The roles of the deployed stack: the grants in `wiring`, as the very documents that infrastructure would write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from controller import policies, schema, wiring
from controller.local.aws import iam
from controller.local.aws.http_api import execution_arn
from controller.local.aws.iam_trust import read_trust
from controller.local.aws.instances import Instances
from controller.local.aws.judging import Roles, Trusts
from controller.local.aws.network import Network
from controller.local.aws.options import Options
from controller.local.aws.principals import ACCOUNT, EVENTS_SERVICE
from controller.local.aws.provision import PLATFORMS, archive_bucket, artifacts_bucket, cache_bucket
from controller.local.aws.rights import Account
from controller.local.aws.rights_ec2 import Machines, role_arn
from controller.region import Place
from controller.settings import Settings, pairs

SCHEDULER = "scheduler"
"""The role of the stack's schedules."""

_SUFFIX = len("-AbCdEf")
"""Secrets Manager puts six random characters behind a secret's name."""


def names(options: Options, settings: Settings, network: Network) -> policies.Names:
    """What the stack's things are called in this account."""
    place = Place(options.region, ACCOUNT)
    environment = options.stack.removesuffix(f"-{options.region}")
    templates = [*pairs(settings.launch_templates).values(), *pairs(settings.role_templates).values()]
    (group,) = network.template({"LaunchTemplateId": templates[0]}).data("$Default")["SecurityGroupId"]
    claim = wiring.CLAIM.trigger
    if not isinstance(claim, wiring.Route):
        raise TypeError("machines claim over HTTP")
    return policies.Names(
        place=place,
        stack=options.stack,
        tables={
            table.name: place.arn("dynamodb", f"table/{schema.physical(environment, table)}") for table in schema.TABLES
        },
        peers=[region for region in settings.regions.split(",") if region not in {"", options.region}],
        queues={queue.name: place.arn("sqs", f"{options.stack}-{queue.name}") for queue in options.queues},
        secrets={
            "webhook": settings.webhook_secret_id,
            "app-key": settings.app_key_secret_id,
            **{f"{name}-webhook": arn for name, arn in pairs(settings.further_webhook_secret_id).items()},
            **{f"{place}-app-key": arn for place, arn in pairs(settings.further_apps).items()},
        },
        config_prefix=settings.config_prefix,
        templates=[place.arn("ec2", f"launch-template/{template}") for template in templates],
        subnets=[place.arn("ec2", f"subnet/{subnet}") for subnet in pairs(settings.subnets).values()],
        security_group=place.arn("ec2", f"security-group/{group}"),
        images=sorted(set(PLATFORMS.values())),
        runner_role=role_arn(wiring.role_name(options.stack, wiring.MACHINE)),
        own_roles=[role_arn(wiring.role_name(options.stack, wiring.own_machine(name))) for name in options.own_roles],
        artifacts=f"arn:aws:s3:::{artifacts_bucket(options.stack)}" if settings.artifacts else "",
        cache=f"arn:aws:s3:::{cache_bucket(options.stack)}",
        archive=f"arn:aws:s3:::{archive_bucket(options.stack)}",
        claim_route=execution_arn(options.region, claim.method, claim.path),
        log_role=settings.log_role,
        runner_log=place.arn("logs", f"log-group:{settings.log_group}"),
    )


def roles(options: Options, known: policies.Names) -> Roles:
    """Every role of the stack with its policy."""
    documents = {
        function.name: policies.document(function.grants, known, policies.own_log(_log(function, known)))
        for function in options.functions
    }
    documents[wiring.MACHINE] = policies.document(wiring.MACHINE_GRANTS, known)
    documents[wiring.MACHINE_LOG] = policies.document(wiring.LOG_GRANTS, known)
    if options.schedules:
        queues = {schedule.queue.name for schedule in options.schedules}
        documents[SCHEDULER] = policies.send_only(known.queues[name] for name in queues)
    found: dict[str, Sequence[iam.Policy]] = {
        wiring.role_name(options.stack, name): (iam.read(document),) for name, document in documents.items()
    }
    for name, own in options.own_roles.items():
        more = wiring.artifact_grants(name) if own.artifacts else ()
        machine = policies.document((*wiring.MACHINE_GRANTS, *more), known)
        found[wiring.role_name(options.stack, wiring.own_machine(name))] = tuple(
            map(iam.read, (machine, *own.documents))
        )
    if options.rules:
        # No role, but the queues' own policies: they allow EventBridge this and nothing else.
        queues = {known.queues[rule.queue.name] for rule in options.rules}
        found[EVENTS_SERVICE] = (iam.read(policies.send_only(queues)),)
    return found


def trusts(known: policies.Names) -> Trusts:
    """Who may take which role."""
    machines = [known.runner_role, *known.own_roles]
    return {known.log_role: read_trust(policies.trust_machines(machines, known.place))}


def account(known: policies.Names, network: Network, instances: Instances) -> Account:
    """What has to be looked up to judge calls in this account."""

    def tags(instance_id: str) -> Mapping[str, str]:
        return next((instance.tags for instance in instances.all() if instance.id == instance_id), {})

    secrets = {arn.partition(":secret:")[2][:-_SUFFIX]: arn for arn in known.secrets.values()}
    return Account(Machines(network, tags), secrets)


def _log(function: wiring.Function, known: policies.Names) -> str:
    return known.place.arn("logs", f"log-group:/aws/lambda/{wiring.role_name(known.stack, function.name)}")

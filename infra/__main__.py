"""One stack of SpotRunner: one environment in one region. `pulumi up` runs this."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws
from pulumi.runtime.config import get_config_env, get_config_secret_keys_env

from controller import wiring
from infra import access, config, environment
from infra.alerts import Alerts
from infra.front import Front
from infra.functions import Functions
from infra.http_api import HttpApi
from infra.keys import Keys
from infra.messaging import Messaging
from infra.network import Network
from infra.observability import Observability
from infra.runners import Runners
from infra.storage import Storage

stack = config.read(pulumi.get_stack(), get_config_env(), get_config_secret_keys_env())

account = aws.Provider(
    "account",
    region=stack.place.region,
    # The right stack in the wrong account is the mistake that hurts most.
    allowed_account_ids=[stack.place.account],
    default_tags=aws.ProviderDefaultTagsArgs(
        tags={wiring.TAG_STACK: stack.stack, "spotrunner:environment": stack.environment}
    ),
)
here = pulumi.ResourceOptions(provider=account)

keys = Keys(stack, here)
network = Network(stack, keys, here)
storage = Storage(stack, keys, here)
messaging = Messaging(stack, keys, here)
api = HttpApi(stack, keys, here)
front = Front(stack, api, here)
runners = Runners(stack, keys, network.security_group, api, here)
# Rights come from the code that uses them; here they get this stack's names.
names = access.names(stack, network, storage, messaging, api, runners)
access.allow_machines(stack, runners, names)
settings = environment.settings(stack, network, storage, messaging, runners)
environment.publish(stack, settings, here)
functions = Functions(stack, settings, names, messaging, api, here)
alerts = Alerts(stack, here)
observability = Observability(stack, alerts.topics, (functions, api), here)

pulumi.export("webhook_url", front.webhook_url)
pulumi.export("claim_url", api.url(wiring.CLAIM))
if front.point_at is not None:
    pulumi.export("point_your_domain_at", front.point_at)
pulumi.export("addresses", network.addresses)
pulumi.export("dashboard_url", observability.dashboard_url)
pulumi.export("secrets", {name: secret.arn for name, secret in storage.secrets.items()})
pulumi.export("tables", {name: table.name for name, table in storage.tables.items()})
pulumi.export("queues", {name: queue.url for name, queue in messaging.queues.items()})
pulumi.export("buckets", {name: bucket.bucket for name, bucket in storage.buckets.items()})
pulumi.export("runner_log", runners.log.name)
pulumi.export("next", "put the App's key and the webhook secret into `secrets`, then point the App at `webhook_url`")

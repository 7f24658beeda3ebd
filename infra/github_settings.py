"""The GitHub servers of a stack beside its first, the Apps on all of them, and what their secrets are called."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from infra.values import Values

APP_IDS = r"\d+(\s*,\s*\d+)*"
AN_APP_ID = "the number on the GitHub App's page, in quotes; several Apps with commas between"
ADDRESS = r"https?://\S*[^/\s]"
AN_ADDRESS = "an address without a slash at its end"

_NAME = r"[a-z][a-z0-9]{0,11}"
_MOST = 8
"""Servers and Apps all told beside the first: Lambda takes 4 KiB of variables."""


@dataclass(frozen=True, slots=True)
class FurtherServer:
    """A server beside the stack's first; the first of its Apps has the webhook."""

    name: str
    api_url: str
    apps: tuple[str, ...]


def read_servers(values: Values, first: str) -> tuple[FurtherServer, ...]:
    """The servers in `githubServers`, with their Apps from `githubApps`."""
    addresses, apps = values.mapping("githubServers"), values.mapping("githubApps")
    for name, address in addresses.items():
        if not re.fullmatch(_NAME, name):
            values.fault(f"githubServers.{name}", "not 1 to 12 of a-z and 0-9, a letter first")
        if not re.fullmatch(ADDRESS, address):
            values.fault(f"githubServers.{name}", f"{address!r} is not {AN_ADDRESS}")
        if [first, *addresses.values()].count(address) > 1:
            values.fault(f"githubServers.{name}", f"{address} is there twice")
        if name not in apps:
            values.fault(f"githubApps.{name}", f"missing; {AN_APP_ID}")
    for name, ids in apps.items():
        if name not in addresses:
            values.fault(f"githubApps.{name}", "not one of githubServers; the first server's Apps stand in appId")
        if not re.fullmatch(APP_IDS, ids):
            values.fault(f"githubApps.{name}", f"{ids!r} is not {AN_APP_ID}")
    found = tuple(FurtherServer(name, url, app_ids(apps.get(name, ""))) for name, url in addresses.items())
    if len(found) + sum(len(server.apps) for server in found) > _MOST:
        values.fault("githubServers", f"servers and their Apps are more than {_MOST}; make another stack")
    return found


def app_ids(text: str) -> tuple[str, ...]:
    """`1, 2` as its parts."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def secrets(more_apps: Sequence[str], servers: Sequence[FurtherServer]) -> dict[str, str]:
    """The secrets that the first server's first App does not have, and what each holds.

    No name ends with a hyphen and six characters: Secrets Manager would take them for the end of an ARN.
    """
    keys = {f"{app}-app-key": f"The private key of the GitHub App {app}, PEM" for app in more_apps}
    for server in servers:
        keys[f"{server.name}-webhook"] = f"The secret that {server.name} signs webhook deliveries with"
        for app in server.apps:
            keys[f"{server.name}-{app}-app-key"] = f"The private key of the GitHub App {app} on {server.name}, PEM"
    return keys


def settings(environment: str, more_apps: Sequence[str], servers: Sequence[FurtherServer]) -> dict[str, str]:
    """The fields of the functions' `Settings`; secrets by their names, which are shorter than ARNs."""
    apps = {f"/{app}": f"{environment}-{app}-app-key" for app in more_apps}
    apps |= {
        f"{server.name}/{app}": f"{environment}-{server.name}-{app}-app-key"
        for server in servers
        for app in server.apps
    }
    return {
        "github_servers": ",".join(f"{server.name}={server.api_url}" for server in servers),
        "further_webhook_secret_id": ",".join(
            f"{server.name}={environment}-{server.name}-webhook" for server in servers
        ),
        "further_apps": ",".join(f"{place}={secret}" for place, secret in apps.items()),
    }

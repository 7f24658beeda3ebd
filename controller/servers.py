"""The GitHub servers that a stack serves, and the Apps it speaks as on each, out of its settings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from controller.errors import Rejected
from controller.settings import Settings, pairs


@dataclass(frozen=True, slots=True)
class App:
    """A GitHub App."""

    app_id: str
    key_secret_id: str


@dataclass(frozen=True, slots=True)
class Server:
    """github.com, a data residency or an Enterprise Server."""

    name: str
    """Empty for the first: the keys of its jobs name no server."""
    api_url: str
    webhook_secret_id: str
    apps: tuple[App, ...]
    """The first one's webhook is ours; the others only share the registrations."""


def servers(settings: Settings) -> tuple[Server, ...]:
    """The first server, then the named ones; raises `Rejected` for one that is not described whole."""
    further = _apps(pairs(settings.further_apps))
    secrets = pairs(settings.further_webhook_secret_id)
    main = App(settings.app_id, settings.app_key_secret_id)
    first = Server("", settings.github_api_url, settings.webhook_secret_id, (main, *further[""]))
    named = pairs(settings.github_servers)
    half = [name for name in named if name not in secrets or not further[name]]
    if half:
        raise Rejected(f"settings: server {', '.join(half)} has no webhook secret or no App")
    return (first, *(Server(name, url, secrets[name], tuple(further[name])) for name, url in named.items()))


def names(known: Sequence[Server]) -> dict[str, str]:
    """The servers' names by the addresses of their REST APIs."""
    return {server.api_url: server.name for server in known}


def hosts(known: Sequence[Server]) -> dict[str, str]:
    """The servers' names by the hosts of their pages: `ghe.corp` for `https://ghe.corp/api/v3`."""
    return {(urlsplit(server.api_url).hostname or "").removeprefix("api."): server.name for server in known}


def _apps(keys: Mapping[str, str]) -> defaultdict[str, list[App]]:
    found: defaultdict[str, list[App]] = defaultdict(list)
    for place, secret_id in keys.items():
        server, _, app_id = place.rpartition("/")
        found[server].append(App(app_id, secret_id))
    return found

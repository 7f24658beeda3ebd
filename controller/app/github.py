"""What a stack's doors speak to GitHub through."""

from __future__ import annotations

from controller.adapters.aws.secrets import ManagedSecrets
from controller.adapters.github.installations import Installations
from controller.adapters.github.origins import RunOrigins
from controller.app.stack import Stack
from controller.ports import Origins
from controller.servers import servers


def installations(stack: Stack) -> Installations:
    """The Apps of all servers, and their tokens."""
    secrets = ManagedSecrets(stack.clients, stack.settings.secret_ttl_s)
    return Installations(servers(stack.settings), secrets, stack.memory, stack.telemetry.tell)


def origins(stack: Stack) -> Origins | None:
    """Where runs come from, for the rules about forks; None where there are no rules."""
    if not stack.settings.routing_parameter:
        return None
    return RunOrigins(installations(stack))

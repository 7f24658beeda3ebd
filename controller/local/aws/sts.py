"""STS: a role taken by another, for an hour and under the tags of the session."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.sax.saxutils import escape

from controller.local.aws.calls import Call
from controller.local.aws.gate import Service
from controller.local.aws.principals import CredentialStore, Issued, Principal, PrincipalKind
from controller.local.aws.refusals import ServiceError
from controller.local.aws.web import Reply, typed

LONGEST_S = 3600
"""A role taken by a role: AWS gives no longer session, whatever is asked for."""

Form = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Sts:
    """Hands out sessions to whoever the gate has let through; everything else is the store's."""

    credentials: CredentialStore
    store: Service

    def answer(self, call: Call) -> Reply:
        """Answer one call."""
        if call.action != "AssumeRole":
            return self.store(call)
        length = int(_one(call.form, "DurationSeconds", str(LONGEST_S)))
        if length > LONGEST_S:
            raise ServiceError("ValidationError", f"DurationSeconds {length}: a role that takes a role gets an hour")
        session = _session(call)
        return typed(200, _written(self.credentials.issue(session, time.time() + length)), "text/xml")


def role_of(form: Form) -> str:
    """The name of the role that is asked for; raises `KeyError` where there is none."""
    return form["RoleArn"][0].rpartition("/")[2]


def tags_of(form: Form) -> dict[str, str]:
    """The tags that a session is asked to have."""
    marks = [name.removesuffix(".Key") for name in form if name.startswith("Tags.member.") and name.endswith(".Key")]
    return {form[f"{mark}.Key"][0]: form[f"{mark}.Value"][0] for mark in marks}


def _session(call: Call) -> Principal:
    tags = tuple(sorted(tags_of(call.form).items()))
    name = call.principal.name
    return Principal(PrincipalKind.SESSION, name, role_of(call.form), _one(call.form, "RoleSessionName"), tags)


def _one(form: Form, name: str, default: str = "") -> str:
    found = form.get(name, (default,))[0]
    if not found:
        raise ServiceError("ValidationError", f"{name} is missing")
    return found


def _written(issued: Issued) -> str:
    who, keys = issued.principal, issued.keys
    expires = datetime.fromtimestamp(issued.expires, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    user = f"<Arn>{escape(who.arn)}</Arn><AssumedRoleId>{escape(who.user_id)}</AssumedRoleId>"
    found = (
        f"<AccessKeyId>{keys.access_key}</AccessKeyId><SecretAccessKey>{keys.secret_key}</SecretAccessKey>"
        f"<SessionToken>{keys.token}</SessionToken><Expiration>{expires}</Expiration>"
    )
    return (
        '<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>'
        f"<AssumedRoleUser>{user}</AssumedRoleUser><Credentials>{found}</Credentials>"
        "</AssumeRoleResult></AssumeRoleResponse>"
    )

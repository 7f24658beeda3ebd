"""Judges every call by the policies of the role that makes it, as IAM does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from controller.local.aws.calls import Call
from controller.local.aws.gate import Verdict
from controller.local.aws.iam import Access, Decision, Policy, decide
from controller.local.aws.iam_patterns import Unclear
from controller.local.aws.principals import Principal, PrincipalKind
from controller.local.aws.rights import MODELLED, MODELLED_TAGS, Account, needs

Roles = Mapping[str, Sequence[Policy]]
"""The policies of each role, by its name."""
Trusts = Mapping[str, Policy]
"""Who may take which role, by its ARN; a role that is not here is taken by AWS's services alone."""


class Iam:
    """Nobody but the operator may do anything until roles are enacted."""

    def __init__(self) -> None:
        self._roles: Roles = {}
        self._trusts: Trusts = {}
        self._account: Account | None = None

    def enact(self, roles: Roles, account: Account, trusts: Trusts | None = None) -> None:
        """Let these roles count from now on; raises `Unclear` where a policy asks for what calls do not tell here."""
        trusts = trusts or {}
        for name, policies in [*roles.items(), *((name, (policy,)) for name, policy in trusts.items())]:
            asked = {key for policy in policies for key in policy.keys}
            strange = {key for key in asked if key not in MODELLED and not key.startswith(MODELLED_TAGS)}
            if strange:
                raise Unclear(f"the role {name} asks for {', '.join(sorted(strange))}, which no call has here")
        self._roles, self._account, self._trusts = roles, account, trusts

    def judge(self, call: Call) -> Verdict:
        """The verdict on one call; raises `Unclear`."""
        who = call.principal
        if who.kind is PrincipalKind.ADMIN:
            return Verdict()
        if self._account is None:
            return Verdict(f"User: {who.arn} came before there were roles")
        wanted = needs(call, self._account)
        policies = self._roles.get(who.role, ())
        for access in wanted.accesses:
            decision = decide(policies, access)
            if decision is not Decision.ALLOWED:
                return Verdict(_refusal(who, access, decision), wanted.accesses)
            if call.service == "sts" and not self._is_trusted(access):
                return Verdict(_refusal(who, access, Decision.IMPLICITLY_DENIED), wanted.accesses)
        if not wanted.listed:
            raise Unclear(f"{who.role} may do {call.service}:{call.action}, but on what is not known here")
        return Verdict(needed=wanted.accesses)

    def _is_trusted(self, access: Access) -> bool:
        """Whether the role that is to be taken lets it happen."""
        trust = self._trusts.get(access.resource)
        return trust is not None and decide([trust], access) is Decision.ALLOWED


def _refusal(who: Principal, access: Access, decision: Decision) -> str:
    """AWS's own words."""
    about = f"User: {who.arn} is not authorized to perform: {access.action} on resource: {access.resource}"
    if decision is Decision.EXPLICITLY_DENIED:
        return f"{about} with an explicit deny in an identity-based policy"
    return f"{about} because no identity-based policy allows the {access.action} action"

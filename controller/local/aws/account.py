"""What the regions of one account share here: the store behind their tables, and the way to each other's queues.

Every region's tables are the first region's: a write is everywhere at once, and the last one wins because there is
only one. The delay and the conflicts of real replication are the matter of tests over fakes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from controller.local.aws.calls import Call
from controller.local.aws.refusals import ServiceError
from controller.local.aws.sqs import Sqs
from controller.local.aws.store import Store
from controller.local.aws.web import Reply


@dataclass(frozen=True, slots=True)
class Account:
    """The account as all of its regions see it."""

    home: str
    """The region in which the tables really are."""
    store: Store
    queues: dict[str, Sqs] = field(default_factory=dict)
    """By region."""

    def tables(self, call: Call) -> Reply:
        """Answer for DynamoDB, whichever region is asked."""
        return self.store.answer(call if call.region == self.home else _moved(call, self.home))

    def messages(self, call: Call) -> Reply:
        """Answer for SQS, in the region that is asked."""
        if call.region not in self.queues:
            raise ServiceError("InvalidAddress", f"The region {call.region} is not open here.")
        return self.queues[call.region].answer(call)


def _moved(call: Call, region: str) -> Call:
    """The call as it would be made in another region; the store reads the region from the signature."""
    headers = _signed_for(call.request.headers, call.region, region)
    return replace(call, region=region, request=replace(call.request, headers=headers))


def _signed_for(headers: Mapping[str, str], before: str, region: str) -> dict[str, str]:
    scope = re.compile(rf"(Credential=[^/]+/\d+)/{re.escape(before)}/")
    return {name: scope.sub(rf"\1/{region}/", text) for name, text in headers.items()}

"""What an operator needs to be allowed; docs/operate.md has it as policies, and tests judge the commands by it."""

from __future__ import annotations

from controller import schema
from controller.wiring import Grant

_SEVERAL = ("dynamodb:GetItem", "dynamodb:BatchGetItem")

LOOK = (
    Grant(("ssm:GetParameter",), "settings", "find the stack's tables and queues"),
    *(Grant(_SEVERAL, f"table:{table.name}", "the records") for table in (schema.JOBS, schema.RUNNERS)),
    *(Grant(("dynamodb:GetItem",), f"table:{table.name}", "the records") for table in (schema.LAUNCHES, schema.MEMORY)),
    *(Grant(("dynamodb:Query",), f"index:{table.name}", "lists") for table in (schema.JOBS, schema.RUNNERS)),
    Grant(("sqs:GetQueueAttributes",), "every-queue", "backlogs and dead letters"),
)
"""For `status`, `jobs`, `runners` and `breaker list`: nothing that costs, changes or is secret."""

ACT = (*LOOK, Grant(("dynamodb:PutItem",), f"table:{schema.MEMORY.name}", "`drain`, `resume` and `breaker`"))
"""The same, and orders. For `housekeeping` the policy of the stack's own housekeeping role comes on top."""

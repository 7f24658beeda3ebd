"""What can be made to go wrong at this GitHub, one method for each mishap."""

from __future__ import annotations

from controller.local.github.delivery_faults import ANY_JOB, Fate, Order
from controller.local.github.identity import Identity
from controller.local.github.ratelimit import Limit, RateLimits
from controller.local.github.registry import Registry
from controller.local.github.trouble import Failure, Trouble
from controller.local.github.webhooks import Webhooks


class Mishaps:
    """Faults on demand; each befalls what comes next."""

    _webhooks: Webhooks
    _trouble: Trouble
    _limits: RateLimits
    _identity: Identity
    _registry: Registry

    def lose_next(self, action: str = "queued", times: int = 1, job: str = ANY_JOB) -> None:
        """Never send the next webhooks of an action, nor log them; of one job by its name, or of any."""
        self._webhooks.order(Order(Fate.LOST, action, job, times))

    def fail_next_delivery(self, action: str = "queued", times: int = 1, job: str = ANY_JOB) -> None:
        """Send the next webhooks of an action to nobody: the log has them as failed, for redelivery."""
        self._webhooks.order(Order(Fate.FAILED, action, job, times))

    def delay_next(self, action: str, seconds: float, times: int = 1, job: str = ANY_JOB) -> None:
        """Send the next webhooks of an action so much later."""
        self._webhooks.order(Order(Fate.DELAYED, action, job, times, seconds=seconds))

    def hold_back(self, job: str) -> None:
        """Have a job's `in_progress` arrive only after its `completed`."""
        self._webhooks.order(Order(Fate.HELD_BACK, "in_progress", job))

    def repeat_next(self, times: int = 3, action: str = "queued", job: str = ANY_JOB) -> None:
        """Send the next webhook of an action so many times, all with one GUID."""
        self._webhooks.order(Order(Fate.REPEATED, action, job, copies=times))

    def fail_requests(self, route: str, status: int, times: int = 1, *, done: bool = False) -> None:
        """Answer the next calls of a route (`*`: of any REST route) with an error; `done`, after doing what was asked.

        The route is a template as in `requests`; a runner's routes fail only by their own names.
        """
        self._trouble.order(Failure(route, status, times, done))

    def limit(self, kind: str, for_s: float) -> None:
        """Tell every caller of the REST interface for so long that a `primary` or `secondary` limit is reached."""
        self._limits.order(Limit(kind), for_s)

    def deny_fresh_tokens(self, times: int = 1) -> None:
        """Answer 401 to the first call with each of the next so many installation tokens."""
        self._identity.deny_fresh(times)

    def deny_fresh_runners(self, times: int = 1) -> None:
        """Know nothing, for a moment, of the next so many runners that sign in for the first time."""
        self._registry.deny_fresh(times)

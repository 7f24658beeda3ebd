"""What jobs came to, as `needs`, `if:` and the run itself see it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from controller.local.github.evaluation import Function
from controller.local.github.expressions import Value
from controller.local.github.job import Conclusion
from controller.local.github.placing import Placed
from controller.local.github.workflow import JobSpec


def worst(conclusions: Iterable[Conclusion | None]) -> Conclusion:
    """What a set of jobs comes to: failure, else cancelled, else success, else all were skipped."""
    found = set(conclusions)
    order = (Conclusion.FAILURE, Conclusion.CANCELLED, Conclusion.SUCCESS, Conclusion.SKIPPED)
    return next((each for each in order if each in found), Conclusion.SUCCESS)


def result(group: Iterable[Placed]) -> Conclusion:
    """What the jobs of one key come to."""
    return worst(each.job.counts_as for each in group)


def outputs(group: Iterable[Placed]) -> dict[str, Value]:
    """In a matrix the job that ended last and set an output decides it."""
    placed = sorted(group, key=lambda each: (each.job.completed_at or each.job.queued_at, each.job.id))
    return {name: text for each in placed for name, text in each.outputs.items() if text}


def status_functions(results: Collection[Conclusion], *, cancelled: bool) -> Mapping[str, Function]:
    """`success()` and its like, where all ancestors came to these results."""
    return {
        "always": lambda _: True,
        "cancelled": lambda _: cancelled,
        "success": lambda _: not cancelled and set(results) <= {Conclusion.SUCCESS},
        "failure": lambda _: not cancelled and Conclusion.FAILURE in results,
    }


def ancestors(spec: JobSpec, specs: Mapping[str, JobSpec]) -> set[str]:
    """The keys a job needs, and all that those need: GitHub looks at every one, not only at the direct needs."""
    return set(spec.needs).union(*(ancestors(specs[need], specs) for need in spec.needs))

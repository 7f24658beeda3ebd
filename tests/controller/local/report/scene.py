"""A run with bad luck in it, as the outside would have seen it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from controller.local.report.mishap import Mishap, Outcome
from controller.local.truth import CallSeen, JobSeen, MachineSeen
from runner_agent.contract.trace import TraceContext

T0 = 1_790_000_000.0


def job(number: int, name: str, queued: float, **facts: object) -> JobSeen:
    """A green job that waited 4 s, ran 2 s and had a machine of its own, unless told otherwise."""
    usual: dict[str, object] = {
        "job_id": number,
        "name": name,
        "labels": ("spotrunner/linux-2cpu",),
        "status": "completed",
        "conclusion": "success",
        "queued_at": T0 + queued,
        "started_at": T0 + queued + 4,
        "completed_at": T0 + queued + 6,
        "runner": f"spotrunner-i-{number:04d}-1",
        "workflow": "CI",
    }
    return JobSeen(**usual | facts)  # type: ignore[arg-type]


def machine(number: int, launched: float, ended: float | None, **facts: object) -> MachineSeen:
    """A spot machine, unless told otherwise."""
    usual: dict[str, object] = {
        "instance_id": f"i-{number:04d}",
        "instance_type": "c7i.large",
        "zone": "us-east-1a",
        "lifecycle": "spot",
        "running": ended is None,
        "launched_at": T0 + launched,
        "ended_at": None if ended is None else T0 + ended,
    }
    return MachineSeen(**usual | facts)  # type: ignore[arg-type]


CONTROLLER = (("intake", 0.4, 0.9), ("launch", 0.9, 1.3), ("claim", 2.5, 2.9))
AGENT = (
    ("boot", 1.3, 1.9),
    ("agent", 1.9, 2.4),
    ("claim", 2.4, 3.0),
    ("download", 3.0, 3.2),
    ("listener", 3.2, 3.3),
    ("session", 3.3, 3.8),
    ("assignment", 3.8, 4.0),
    ("job", 4.0, 6.0),
    ("shutdown", 6.0, 6.4),
)


def spans(seen: JobSeen, attempt: int = 1, instance_id: str = "") -> Iterator[dict[str, object]]:
    """The OTLP documents of one job: the controller's, and the machine's where one is named."""
    trace_id = TraceContext.of_job(seen.job_id, attempt).trace_id
    yield document(trace_id, CONTROLLER, seen.queued_at, {"service.name": "spotrunner"})
    if instance_id:
        yield document(trace_id, AGENT, seen.queued_at, {"service.name": "spotrunner-agent", "host.id": instance_id})


def document(
    trace_id: str, named: Sequence[tuple[str, float, float]], began: float, resource: dict[str, str]
) -> dict[str, object]:
    """One OTLP document."""
    attributes = [{"key": key, "value": {"stringValue": value}} for key, value in resource.items()]
    made = [
        {
            "traceId": trace_id,
            "name": name,
            "startTimeUnixNano": str(round((began + start) * 1e9)),
            "endTimeUnixNano": str(round((began + end) * 1e9)),
        }
        for name, start, end in named
    ]
    return {"resourceSpans": [{"resource": {"attributes": attributes}, "scopeSpans": [{"spans": made}]}]}


def write_spans(run_dir: Path, documents: Sequence[dict[str, object]]) -> None:
    """Lay the span file where a run leaves it."""
    (run_dir / "traces.jsonl").write_text("".join(json.dumps(each) + "\n" for each in documents))


JOBS = (
    job(1, "Lint", 0),
    job(2, "Build", 0.2, labels=("spotrunner/linux-4cpu/spot=false",)),
    job(3, "Test unit on linux-2cpu", 6.5, conclusion="failure", broken="its machine was interrupted", run_id=9),
    job(
        4,
        "Test unit on linux-2cpu",
        14,
        labels=("spotrunner/linux-2cpu/run=17902347651/disk=80",),
        run_id=9,
        attempt=2,
    ),
    job(5, "Test api", 6.5, conclusion="cancelled", started_at=None, completed_at=T0 + 9, runner=""),
    job(6, "Plan", 0.1, workflow="Nightly"),
    job(7, "Soak orders", 6.3, workflow="Nightly", started_at=T0 + 15, completed_at=T0 + 18),
    job(8, "Soak search", 6.3, workflow="Nightly"),
    job(9, "Deploy a preview", 19, conclusion="skipped", completed_at=T0 + 19, runner=""),
)
MACHINES = (
    machine(1, 1.1, 6.6),
    machine(2, 1.3, 6.9, instance_type="c7i.xlarge", lifecycle="on-demand"),
    machine(3, 7.7, 12.7),
    machine(4, 15.2, 20.6, lifecycle="on-demand", zone="us-east-1b"),
    machine(5, 7.8, 10.2),
    machine(6, 1.2, 6.7, zone="us-east-1c"),
    machine(70, 7.4, 11.0, zone="us-east-1c"),
    machine(7, 11.2, 18.6, instance_type="m7i.large"),
    machine(8, 7.5, 12.8),
)
MISHAPS = (
    Mishap("The pool spot c7i.xlarge us-east-1a was sold out", T0 + 0.9, "2", "It went on demand."),
    Mishap("A delivery came three times", T0 + 0.3, "", "One row was written; the copies launched nothing."),
    Mishap("Its machine was interrupted in mid-job", T0 + 11.2, "i-0003", "Ended cleanly; re-run on demand, green."),
    Mishap("The machine died in silence while it booted", T0 + 8.4, "i-0070", "Replaced after 3.8 s."),
    Mishap("The job was cancelled while its machine booted", T0 + 9, "5", "The machine was told to go."),
    Mishap("The machine was gone without notice", T0 + 12, "6", "Nobody answered.", Outcome.UNANSWERED),
    Mishap("EC2 advised to leave the machine", T0 + 12.5, "i-0008", "It had ended before.", Outcome.MOOT),
)
CALLS = (
    *[CallSeen("dynamodb", "GetItem", "door")] * 16,
    *[CallSeen("ec2", "CreateFleet", "door")] * 8,
    *[CallSeen("github", "POST /repos/{owner}/{repo}/actions/runners/generate-jitconfig", "door")] * 8,
    *[CallSeen("execute-api", "Invoke", "machine")] * 8,
    *[CallSeen("sqs", "ReceiveMessage", "aws")] * 40,
)


def documents() -> list[dict[str, object]]:
    """The spans of the whole scene."""
    own = {1: "i-0001", 2: "i-0002", 3: "i-0003", 4: "i-0004", 6: "i-0006", 8: "i-0008"}
    return [each for seen in JOBS[:8] for each in spans(seen, 1, own.get(seen.job_id, ""))]

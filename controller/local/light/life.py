"""The life of a light machine: claim, listen as a GitHub runner, do one job, tell, and power off.

It keeps to the agent's deadlines and retries. A job's steps are not executed: it takes as long as its steps
say they sleep. A spot notice is not looked for; the end that it announces comes all the same.
"""

from __future__ import annotations

import json
import random
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from controller.local.github.stand_in import jit
from controller.local.github.stand_in.service import Service, ServiceError, Unreachable, renewal
from controller.local.light.power import Power
from controller.local.light.wires import Self, Silent, Wires
from runner_agent.contract import wire
from runner_agent.contract.bundle import Bundle, Claim
from runner_agent.contract.reports import Report, ReportKind, Result

VERSION = "light"
_SLEEP = re.compile(r"\bsleep ([0-9.]+)")
_PAUSE_S = 0.25
_SLOWEST_PAUSE_S = 10.0
_TRIES = 5
_OK, _SERVER = 200, 500
_LATER = frozenset({408, 429})
_LISTENER_RETRY_S = 2.0

Job = dict[str, Any]


@dataclass(slots=True)
class Life:
    """One machine's."""

    home: Path
    wires: Wires
    power: Power
    _sequence: int = field(init=False, default=0)
    _phases: dict[str, float] = field(init=False, default_factory=dict)

    def live(self) -> None:
        """From the first look at the metadata to the last report."""
        me = self.wires.look()
        bundle = self._claim(me)
        if bundle is not None:
            self._serve(me, bundle)

    def _claim(self, me: Self) -> Bundle | None:
        """The bundle; None where there is nothing to do, or nobody answered in time."""
        until = time.monotonic() + me.user_data.claim_deadline_s
        nonce = secrets.token_hex(16)
        for attempt in range(1, 10_000):
            asked = 0.0
            try:
                answer = self.wires.claim(me, Claim(VERSION, launch_id=me.launch_id, nonce=nonce))
                if answer.status == _OK:
                    self._reach("claimed")
                    return wire.loads(Bundle, answer.body)
                if answer.status < _SERVER and answer.status not in _LATER:
                    return None
                asked = answer.retry_after_s
            except Silent:
                pass
            jitter = random.uniform(0, min(_SLOWEST_PAUSE_S, _PAUSE_S * 2 ** min(attempt, 10)))  # noqa: S311 - no secret
            pause = max(asked, jitter)
            if time.monotonic() + pause > until:
                return None
            self.power.rest(pause)
        return None

    def _serve(self, me: Self, bundle: Bundle) -> None:
        service = Service(self._settings(bundle))
        until = time.monotonic() + bundle.limits.idle_s
        job = self._listen(service, until)
        if job is None:
            self._report(me, bundle, ReportKind.FINISHED, result=Result.NO_JOB)
        else:
            self._reach("started")
            self._report(me, bundle, ReportKind.STARTED, str(job["jobDisplayName"]))
            self._work(service, job)
            self._reach("finished")
            self._report(me, bundle, ReportKind.FINISHED, str(job["jobDisplayName"]), Result.SUCCESS)
        self._try(service.close_session)

    def _settings(self, bundle: Bundle) -> jit.Settings:
        jit.unpack(bundle.jit_config, self.home)
        try:
            return jit.load(self.home)
        finally:
            jit.remove(self.home)

    def _listen(self, service: Service, until: float) -> Job | None:
        """The job that GitHub gives; None where none came in time, or the registration is gone."""
        while not self._try(lambda: self._connect(service)):
            if time.monotonic() > until:
                return None
            self.power.rest(_LISTENER_RETRY_S)
        self._reach("listening")
        while time.monotonic() < until:
            self.power.check()
            try:
                message = service.message("Online")
            except Unreachable:
                self.power.rest(_LISTENER_RETRY_S)
                continue
            except ServiceError:
                return None
            self.power.check()
            if message.get("messageType") == "RunnerJobRequest" and (job := self._acquire(service, message)):
                return job
        return None

    def _connect(self, service: Service) -> None:
        service.sign_in()
        service.open_session("light machine")

    def _acquire(self, service: Service, message: Job) -> Job | None:
        reference = json.loads(str(message["body"]))
        request_id, url = reference["runner_request_id"], reference["run_service_url"]
        try:
            service.acknowledge(request_id)
            job = service.run_service(url, "acquirejob", {"jobMessageId": request_id, "runnerOS": "Linux"})
        except (ServiceError, Unreachable):
            return None
        return {**job, "runServiceUrl": url}

    def _work(self, service: Service, job: Job) -> None:
        url, identity = str(job["runServiceUrl"]), {"planId": job["plan"]["planId"], "jobId": job["jobId"]}
        ends_at = time.monotonic() + sum(map(float, _SLEEP.findall(str(job["workflow"]["yaml"]))))
        pause = renewal(job)
        while (left := ends_at - time.monotonic()) > pause:
            self.power.rest(pause)
            pause = self._renewed(service, url, identity, pause)
        self.power.rest(max(0.0, left))
        said: dict[str, object] = {"conclusion": "Succeeded", "outputs": {}, "stepResults": [], "annotations": []}
        self._try(lambda: service.complete(url, identity | said, self.power.rest))

    def _renewed(self, service: Service, url: str, identity: dict[str, object], pause: float) -> float:
        """In how many seconds to renew again; where nobody answers, as soon as this time."""
        try:
            return service.renew(url, identity)
        except (ServiceError, Unreachable):
            return pause

    def _try(self, ask: Callable[[], object]) -> bool:
        """Whether GitHub could be asked; what it refuses need not be asked again."""
        try:
            ask()
        except Unreachable:
            return False
        except ServiceError as refused:
            return refused.status < _SERVER
        return True

    def _reach(self, phase: str) -> None:
        self._phases[phase] = time.time()

    def _report(
        self, me: Self, bundle: Bundle, kind: ReportKind, job_name: str = "", result: Result | None = None
    ) -> None:
        self._sequence += 1
        report = Report(
            kind=kind,
            instance_id=bundle.instance_id,
            sequence=self._sequence,
            at=time.time(),
            runner_name=bundle.runner_name,
            traceparent=bundle.traceparent,
            phases=dict(self._phases),
            job_name=job_name,
            result=result,
            exit_code=None if result is None else 0,
        )
        for attempt in range(_TRIES):
            try:
                if self.wires.report(me, bundle.targets.reports_queue_url, report).status == _OK:
                    return
            except Silent:
                pass
            self.power.rest(_PAUSE_S * 2**attempt)

"""The listener's life: sign in, listen, run one job, leave; its exit codes are the real one's."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from . import VERSION, jit
from .connection import check_version, connect
from .events import Arrived, Broken, Event, Exit, Finished, Inbox, Left, Shutdown
from .jit import BadConfiguration
from .service import RENEW_S, Service, ServiceError, Unreachable, renewal
from .terminal import Terminal, stamp
from .worker import Outcome, Worker

RETURN_RESULT = "ACTIONS_RUNNER_RETURN_JOB_RESULT_FOR_HOSTED"
SIGTERM_CAP_S = 30.0
POLL_FAILURES = 10
RESULTS = ("Succeeded", "SucceededWithIssues", "Failed", "Canceled", "Skipped", "Abandoned")


def main(argv: list[str]) -> int:
    """`Runner.Listener run`, `warmup` or `--version`."""
    root = Path(argv[0]).resolve().parent.parent
    command = argv[1] if len(argv) > 1 else "run"
    if command == "--version":
        sys.stdout.write(f"{VERSION}\n")
    if command in ("--version", "warmup"):
        return Exit.SUCCESS
    jit.load_dotenv(root)
    terminal = Terminal()
    try:
        return Program(root, terminal).run(_option(argv, "--jitconfig") or os.environ.pop(jit.INPUT, ""))
    except Left as left:
        return left.code
    except BadConfiguration as error:
        terminal.error(str(error))
        return Exit.TERMINATED


def _option(argv: list[str], name: str) -> str:
    return argv[argv.index(name) + 1] if name in argv[:-1] else ""


class Program:
    """One process's life."""

    def __init__(self, root: Path, terminal: Terminal) -> None:
        self._root = root
        self._terminal = terminal
        self._inbox: Inbox = queue.SimpleQueue()
        self._leaving = threading.Event()
        self._status = "Online"
        self._renew_after_s = RENEW_S

    def run(self, encoded: str) -> int:
        """From configuration to exit code."""
        self._terminal.count("RunnerProcessStarted")
        signal.signal(signal.SIGINT, self._interrupted)
        signal.signal(signal.SIGTERM, self._terminated)
        if encoded:
            jit.unpack(encoded, self._root)
        self._settings = jit.load(self._root)
        self._service = Service(self._settings)
        connect(self._service, self._terminal, self._inbox)
        self._terminal.count("SessionCreated")
        self._terminal.line(f"Current runner version: '{VERSION}'")
        self._terminal.timed("Listening for Jobs")
        threading.Thread(target=self._poll, daemon=True).start()
        return self._listen()

    def _interrupted(self, *_: object) -> None:
        self._inbox.put(Shutdown())

    def _terminated(self, *_: object) -> None:
        """The real one's unload handler waits for half a minute, then the process is gone."""
        timer = threading.Timer(SIGTERM_CAP_S, os._exit, [128 + signal.SIGTERM])
        timer.daemon = True
        timer.start()
        self._interrupted()

    def _poll(self) -> None:
        """Bring every message to the inbox until the session is over."""
        failures = 0
        while not self._leaving.is_set():
            try:
                message = self._service.message(self._status)
                failures = 0
            except (ServiceError, Unreachable) as error:
                if self._leaving.is_set():
                    return
                failures += 1
                if isinstance(error, ServiceError) or failures >= POLL_FAILURES:
                    self._inbox.put(Broken(error))
                    return
                if failures == 1:
                    self._terminal.error(f"{stamp()}: Runner connect error: {error}. Retrying until reconnected.")
                time.sleep(min(15.0, 0.5 * 2**failures))
                continue
            if message:
                self._inbox.put(Arrived(message))

    def _listen(self) -> int:
        while True:
            match self._inbox.get():
                case Broken(error):
                    return self._broken(error)
                case Arrived(message):
                    job = self._receive(message)
                    if job is not None:
                        return self._work(job, message)
                case _:
                    self._terminal.line("Exiting...")
                    self._leave()
                    return Exit.SUCCESS

    def _broken(self, error: Exception) -> int:
        if isinstance(error, ServiceError) and error.kind == "RunnerNotFound":
            self._terminal.line("The runner no longer exists on the server. Cleaning up local configuration.")
            self._clean_up()
            return Exit.SUCCESS
        if isinstance(error, ServiceError):
            check_version(error, self._terminal)
        self._terminal.error(f"An error occurred: {error}")
        return Exit.RETRYABLE

    def _receive(self, message: dict[str, Any]) -> dict[str, Any] | None:
        """Acquire the job of a message; None when it was none or somebody else has it."""
        self._terminal.count(f"MessageReceived_{message['messageType']}")
        if message["messageType"] != "RunnerJobRequest":
            return None
        reference = json.loads(message["body"])
        request_id = reference["runner_request_id"]
        self._terminal.trace("MessageListener", f"Acknowledging runner request '{request_id}'.")
        try:
            self._service.acknowledge(request_id)
            body = {"jobMessageId": request_id, "runnerOS": "Linux"}
            job = self._service.run_service(reference["run_service_url"], "acquirejob", body)
        except (ServiceError, Unreachable) as error:
            self._terminal.trace("Runner", f"Skipping message Job. {error}")
            return None
        job["runnerName"], job["runServiceUrl"] = self._settings.name, reference["run_service_url"]
        return job

    def _work(self, job: dict[str, Any], message: dict[str, Any]) -> int:
        name, guid, plan = job["jobDisplayName"], job["jobId"], job["plan"]["planId"]
        self._status = "Busy"
        trace = self._terminal.trace
        trace("JobDispatcher", f"Job request {message['messageId']} for plan {plan} job {guid} received.")
        self._terminal.timed(f"Running job: {name}")
        for counter in ("StartingWorkerProcess", f"RunnerSendingJobToWorker_{guid}", f"SentJobToWorker_{guid}"):
            self._terminal.count(counter)
        outcome = self._watch(job)
        trace("JobDispatcher", f"Worker finished for job {guid}. Code: {Exit.RESULT + RESULTS.index(outcome.result)}")
        trace("JobDispatcher", f"finish job request for job {guid} with result: {outcome.result}")
        self._terminal.timed(f"Job {name} completed with result: {outcome.result}")
        self._leave()
        self._clean_up()
        return Exit.RESULT + RESULTS.index(outcome.result) if os.environ.get(RETURN_RESULT) else Exit.SUCCESS

    def _watch(self, job: dict[str, Any]) -> Outcome:
        """Let the worker work; renew the lease; pass on what GitHub or the machine wants."""
        worker = Worker(job, self._root, self._settings.work_folder, self._terminal)
        thread = threading.Thread(target=lambda: self._inbox.put(Finished(worker.run())), daemon=True)
        thread.start()
        renew_at = time.monotonic()
        while True:
            if time.monotonic() >= renew_at:
                self._renew(job)
                renew_at = time.monotonic() + self._renew_after_s
            with contextlib.suppress(queue.Empty):
                event = self._inbox.get(timeout=max(0.0, renew_at - time.monotonic()))
                if isinstance(event, Finished):
                    self._complete(job, worker, event.outcome)
                    return event.outcome
                self._pass_on(event, worker)

    def _pass_on(self, event: Event, worker: Worker) -> None:
        if isinstance(event, Shutdown):
            self._terminal.line("Exiting...")
            threading.Thread(target=worker.shut_down, daemon=True).start()
        elif isinstance(event, Arrived) and event.message["messageType"] == "JobCancellation":
            threading.Thread(target=worker.cancel, daemon=True).start()

    def _renew(self, job: dict[str, Any]) -> None:
        body = {"planId": job["plan"]["planId"], "jobId": job["jobId"]}
        try:
            answer = self._service.run_service(job["runServiceUrl"], "renewjob", body)
        except (ServiceError, Unreachable) as error:
            self._terminal.trace(
                "JobDispatcher", f"Catch exception during renew runner jobrequest: {error}", level="ERR "
            )
            return
        self._renew_after_s, until = renewal(answer), answer.get("lockedUntil")
        self._terminal.trace("JobDispatcher", f"Successfully renew job {job['jobId']}, job is valid till {until}")
        self._terminal.count(f"JobRequestRenewed_{job['requestId']}")

    def _complete(self, job: dict[str, Any], worker: Worker, outcome: Outcome) -> None:
        body: dict[str, object] = {
            "planId": job["plan"]["planId"],
            "jobId": job["jobId"],
            "conclusion": outcome.result,
            "outputs": {name: {"value": text} for name, text in outcome.outputs.items()},
            "stepResults": worker.step_results(),
            "annotations": [{"level": "FAILURE", "message": text} for text in outcome.annotations],
            "log": "\n".join(outcome.log),
        }
        try:
            self._service.complete(job["runServiceUrl"], body, time.sleep)
        except (ServiceError, Unreachable) as error:
            self._terminal.trace("JobRunner", f"Failed to complete job: {error}", process="WORKER", level="ERR ")
        else:
            self._terminal.trace("JobRunner", "Job completed.", process="WORKER")

    def _leave(self) -> None:
        """An ephemeral runner may be gone at the server already; that is no error."""
        self._leaving.set()
        with contextlib.suppress(ServiceError, Unreachable):
            self._service.close_session()
        self._service.hang_up()

    def _clean_up(self) -> None:
        for name in jit.remove(self._root):
            self._terminal.line(f"√ Removed {name}")

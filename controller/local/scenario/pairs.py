"""Which machine is most likely meant for which job, guessed from outside alone.

A machine says which configuration it was launched from, a registered runner says its labels, and GitHub
says what it ran: each is surer than the one before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from controller.local.scenario.outside import RunnerSeen
from controller.local.truth import JobSeen, MachineSeen


class Pairs:
    """The guesses so far."""

    def __init__(self) -> None:
        self._job_of: dict[str, int] = {}
        self._sure: set[str] = set()
        self._history: dict[int, list[str]] = {}

    def job_of(self, machine: str) -> int | None:
        """The job that a machine is for."""
        return self._job_of.get(machine)

    def machines_of(self, job_id: int) -> tuple[str, ...]:
        """Every machine that was ever thought to be for a job, in order."""
        return tuple(self._history.get(job_id, ()))

    def machine_of(self, job_id: int) -> str:
        """The machine that is for a job now; empty where there is none."""
        mine = [name for name in self._history.get(job_id, ()) if self._job_of.get(name) == job_id]
        return mine[-1] if mine else ""

    def look(self, jobs: Sequence[JobSeen], machines: Mapping[str, MachineSeen], runners: Iterable[RunnerSeen]) -> None:
        """Guess anew from what is to be seen now."""
        self._see_what_runs(jobs, machines)
        for name, machine in machines.items():
            if name not in self._job_of and (job := self._waiting(jobs, machines, machine)):
                self._pair(name, job)
        for runner in runners:
            self._see_labels(runner, jobs, machines)

    def _see_what_runs(self, jobs: Sequence[JobSeen], machines: Mapping[str, MachineSeen]) -> None:
        for job in jobs:
            name = job.machine_among(machines)
            if name and (name not in self._sure or self._job_of[name] != job.job_id):
                self._sure.add(name)
                self._pair(name, job)

    def _see_labels(self, runner: RunnerSeen, jobs: Sequence[JobSeen], machines: Mapping[str, MachineSeen]) -> None:
        name = next((each for each in machines if each in runner.name), "")
        aimed = next((job for job in jobs if job.job_id == self._job_of.get(name)), None)
        if not name or name in self._sure or (aimed is not None and aimed.labels == runner.labels):
            return
        if job := self._waiting(jobs, machines, labels=runner.labels):
            self._pair(name, job)

    def _waiting(
        self,
        jobs: Sequence[JobSeen],
        machines: Mapping[str, MachineSeen],
        machine: MachineSeen | None = None,
        labels: tuple[str, ...] = (),
    ) -> JobSeen | None:
        """The oldest waiting job without a living machine that asks for this machine, or has these labels."""
        served = {job for name, job in self._job_of.items() if name in machines and machines[name].running}
        waiting = [job for job in jobs if job.status == "queued" and job.job_id not in served]
        fit = [job for job in waiting if (job.labels == labels if machine is None else _asks_for(job, machine))]
        return min(fit, key=lambda job: job.queued_at, default=None)

    def _pair(self, name: str, job: JobSeen) -> None:
        self._job_of[name] = job.job_id
        mine = self._history.setdefault(job.job_id, [])
        if name not in mine:
            mine.append(name)


def _asks_for(job: JobSeen, machine: MachineSeen) -> bool:
    """Whether a job's labels, as far as anybody can read them, allow this machine."""
    words = {word for label in job.labels for word in label.lower().replace(",", "/").split("/")}
    said = dict(word.split("=", 1) for word in words if "=" in word)
    families = said.get("family", "").split("+")
    of_family = families == [""] or {machine.instance_type, machine.instance_type.partition(".")[0]} & set(families)
    paid_as_wanted = said.get("spot") != "false" or machine.lifecycle == "on-demand"
    return machine.config.lower() in words and bool(of_family) and paid_as_wanted

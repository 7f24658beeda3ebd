"""A machine asks for work and gets a runner of its own, minted at that moment.

The runner is registered before the claim is saved: a crash in between costs an unused registration,
which GitHub removes by itself, while the other order would cost the machine its only claim.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

from controller.domain import job as jobs_of
from controller.domain import runner as runners_of
from controller.domain import runner_name
from controller.domain.events import ClaimTurnedAway, SpareReady, WorkClaimed
from controller.domain.fleet_config import Arch, Os, RunnerConfig
from controller.domain.interruption import is_notice
from controller.domain.job import Job, JobState
from controller.domain.launch import Launch, LaunchState, Machine
from controller.domain.runner import ALIVE, Lifecycle, Runner, RunnerState
from controller.domain.settlement import first_of, new_runner
from controller.errors import AlreadyDone, NothingToDo, Rejected, Unavailable
from controller.ports import (
    Configs,
    Fleet,
    GitHub,
    Jobs,
    Launches,
    Ledger,
    Memory,
    NameTaken,
    Offers,
    Registered,
    Registration,
    Release,
    Runners,
    Tell,
)
from controller.wiring import ARCHIVES
from runner_agent.contract import wire
from runner_agent.contract.bundle import (
    Bundle,
    Claim,
    IntendedJob,
    Limits,
    RunnerPackage,
    SetupGroup,
    Targets,
    Wait,
)
from runner_agent.contract.trace import TraceContext

MOST_CLAIMS = 3
"""The first claim and two re-arms."""
_NAMES_TRIED = 4
_TRIES = 4
_LINE_READ = 100


@dataclass(frozen=True, slots=True)
class Terms:
    """What a stack tells its machines."""

    targets: Targets
    cache_bucket: str
    job_limit_s: float
    idle_limit_s: float
    notice_poll_s: float
    lease_grace_s: float
    release_ttl_s: float
    spare_poll_s: float
    spare_life_s: float
    artifacts: Mapping[str, str] = field(default_factory=dict)
    """Configuration to where its jobs may keep what they like."""


@dataclass(frozen=True, slots=True)
class Minted:
    """A runner registered at GitHub, under which number of its machine's claims."""

    claims: int
    wanted: Registration
    registered: Registered

    def serves(self, job: Job, config: RunnerConfig) -> bool:
        """Whether GitHub would give this runner the job."""
        return self.wanted == _registration(job, config, self.wanted.name)


@dataclass(frozen=True, slots=True)
class ClaimRunner:
    """The claim door. `instance_id` is always the verified identity of the caller."""

    terms: Terms
    jobs: Jobs
    runners: Runners
    launches: Launches
    ledger: Ledger
    fleet: Fleet
    configs: Configs
    github: GitHub
    memory: Memory
    tell: Tell
    clock: Callable[[], float]
    offers: Offers | None = None
    """None: the cache is filled by somebody else."""
    _releases: dict[str, tuple[Release, float]] = field(default_factory=dict)
    """Kept between warm invocations, with the time until which each is good."""

    def __call__(self, instance_id: str, claim: Claim) -> Bundle | Wait:
        """The machine's bundle, or for a spare that no job has taken yet, when to ask again.

        Raises `Rejected` for a machine that is not ours, `AlreadyDone` for a second claim and
        `NothingToDo` where the machine is not wanted any more.
        """
        asked_at = self.clock()
        try:
            return self._serve(instance_id, claim, asked_at)
        except (Rejected, AlreadyDone) as no:
            self.tell(ClaimTurnedAway(instance_id, _STATUS[type(no)], str(no)))
            raise

    def _serve(self, instance_id: str, claim: Claim, asked_at: float) -> Bundle | Wait:
        minted: Minted | None = None
        for _ in range(_TRIES):
            runner = self._runner(instance_id, claim)
            self._check(runner, claim)
            if runner.state is RunnerState.SPARE:
                asked = self._asked(runner)
                if asked == runner or not self.ledger.save([asked]):
                    return self._told_to_wait(runner, asked)
                # A job may just have taken it, and then there is work.
                continue
            try:
                job = self._job(runner)
            except NothingToDo:
                if not self._let_go(runner):
                    # A job whose own machine was taken may just have been given this one.
                    continue
                self._unmint(minted)
                raise
            config = self._config(runner)
            release = self._release(runner, job, config)
            # The records may change while GitHub is asked; what it has minted serves the next job as well.
            if minted is None or not minted.serves(job, config):
                minted = self._register(runner, job, config)
            claimed, held = self._claimed(runner, job, config, minted, claim)
            if not self.ledger.save([claimed, held]):
                package = self._package(release, claim, asked_at)
                return self._bundle(claimed, held, package, minted, asked_at)
        raise Unavailable(f"{instance_id}: its records change faster than it can be served", retry_after_s=1)

    def _runner(self, instance_id: str, claim: Claim) -> Runner:
        found = self.runners.get([instance_id]).get(instance_id)
        return found or self._adopt(instance_id, claim.launch_id)

    def _adopt(self, instance_id: str, launch_id: str) -> Runner:
        """A machine that is not written down: its own tag leads to the launch it came from."""
        launch = self.launches.get(launch_id) if launch_id else None
        if launch is None:
            raise Rejected(f"{instance_id} was not launched by this stack")
        if launch.state is LaunchState.SETTLED:
            return self._written_meanwhile(instance_id, launch)
        if self.clock() - launch.created_at < _SETTLING_S:
            raise Unavailable(f"{instance_id}: launch {launch_id} is being written down", retry_after_s=1)
        return self._from_the_cloud(instance_id, launch)

    def _written_meanwhile(self, instance_id: str, launch: Launch) -> Runner:
        try:
            return self.runners.get([instance_id])[instance_id]
        except KeyError:
            raise Rejected(f"{instance_id} did not come from launch {launch.launch_id}") from None

    def _from_the_cloud(self, instance_id: str, launch: Launch) -> Runner:
        """The launch was cut short before its machines were written down: the cloud knows them."""
        machine = self.fleet.machine(instance_id)
        if machine is None or machine.launch_id != launch.launch_id or not machine.running:
            raise Rejected(f"{instance_id} did not come from launch {launch.launch_id}")
        lifecycle = Lifecycle.SPOT if machine.spot else Lifecycle.ON_DEMAND
        seen = Machine(instance_id, machine.instance_type, machine.zone, lifecycle)
        held = [job for job in self.jobs.get(launch.jobs).values() if job.launch_id == launch.launch_id]
        waiting = {job.key for job in held if job.state is JobState.LAUNCHING}
        unserved = [key for key in launch.jobs if key in waiting]
        return new_runner(launch, unserved[0] if unserved else first_of(launch), seen, self.clock())

    def _check(self, runner: Runner, claim: Claim) -> None:
        if runner.state in ALIVE and is_notice(runner.interruption):
            raise NothingToDo(f"{runner.instance_id} is about to be taken away: {runner.interruption}")
        if runner.state in {RunnerState.LAUNCHED, RunnerState.SPARE}:
            return
        if runner.state not in ALIVE and runner.claimed_at is None:
            raise NothingToDo(f"{runner.instance_id} is not wanted any more: {runner.reason}")
        if runner.state is not RunnerState.CLAIMED:
            raise AlreadyDone(f"{runner.instance_id} is {runner.state}: it has claimed before")
        if runner.claims >= MOST_CLAIMS:
            raise NothingToDo(f"{runner.instance_id} has claimed {runner.claims} times without getting a job")
        if claim.ended_runner:
            self._check_ended(runner, claim.ended_runner)
        elif not _is_repeated(claim, runner):
            raise AlreadyDone(f"{runner.instance_id} is {runner.state}: it has claimed before")

    def _asked(self, spare: Runner) -> Runner:
        """A spare's record after it has asked for work while there was none for it."""
        now = self.clock()
        if spare.ready_at is None:
            return replace(spare, ready_at=now, lease_until=spare.launched_at + self.terms.spare_life_s)
        if now >= spare.lease_until:
            return runners_of.move(spare, RunnerState.FINISHED, now, "its time as a spare has ended")
        return spare

    def _told_to_wait(self, before: Runner, spare: Runner) -> Wait:
        if spare.state is RunnerState.FINISHED:
            raise NothingToDo(f"{spare.instance_id}: {spare.reason}")
        if before.ready_at is None and spare.ready_at is not None:
            self.tell(SpareReady(spare.instance_id, spare.config, spare.ready_at - spare.launched_at))
        return Wait(
            instance_id=spare.instance_id,
            again_s=self.terms.spare_poll_s,
            most_s=max(0.0, spare.lease_until - self.clock()),
            notice_poll_s=self.terms.notice_poll_s,
            targets=self.terms.targets,
        )

    def _check_ended(self, runner: Runner, ended: str) -> None:
        """A re-arm is granted only when GitHub itself no longer has the former runner."""
        if ended != runner.name:
            raise AlreadyDone(f"{runner.instance_id}: its runner is {runner.name}, not {ended}")
        job = self.jobs.get([runner.job]).get(runner.job)
        if job is None or runner.github_id is None:
            raise NothingToDo(f"{runner.instance_id}: its job {runner.job} is unknown")
        if job.runner_name == runner.name and job.state is JobState.RUNNING:
            raise AlreadyDone(f"{runner.instance_id}: GitHub has job {job.key} in progress on {runner.name}")
        if self.github.is_registered(
            _registration(job, self._config(runner), runner.name), runner.github_id, self.clock()
        ):
            raise Unavailable(f"GitHub still has {runner.name}", retry_after_s=3)

    def _let_go(self, runner: Runner) -> bool:
        """Write down that nothing waits for the machine; False where it has changed meanwhile."""
        done = runners_of.move(runner, RunnerState.FINISHED, self.clock(), "nothing to do")
        return not (runner.version and self.ledger.save([done]))

    def _job(self, runner: Runner) -> Job:
        """The intended job, or another one in line that this machine can run."""
        intended = self.jobs.get([runner.job]).get(runner.job)
        if intended and _wants(intended, runner):
            return intended
        for job in self.jobs.waiting(_LINE_READ):
            if job.shape == runner.shape and job.state is JobState.WAITING and _wants(job, runner):
                return job
        state = f"is {intended.state}" if intended else "is unknown"
        raise NothingToDo(f"job {runner.job} {state} and no other of its shape waits")

    def _config(self, runner: Runner) -> RunnerConfig:
        config = self.configs.find(runner.config, self.clock())
        if config is None:
            raise Rejected(f"{runner.instance_id}: runner configuration {runner.config!r} is gone")
        return config

    def _claimed(
        self, runner: Runner, job: Job, config: RunnerConfig, minted: Minted, claim: Claim
    ) -> tuple[Runner, Job]:
        now = self.clock()
        claimed = runners_of.move(
            runner,
            RunnerState.CLAIMED,
            now,
            name=minted.wanted.name,
            github_id=minted.registered.runner_id,
            claims=minted.claims,
            nonce=_digest(claim.nonce),
            claimed_at=now,
            job=job.key,
            lease_until=now + self.terms.idle_limit_s + self.terms.lease_grace_s + _SET_UP_S,
            job_limit_s=config.job_limit_s or self.terms.job_limit_s,
            baked=tuple(version[:_VERSION_LENGTH] for version in claim.baked_runners[:_VERSIONS_KEPT]),
        )
        return claimed, jobs_of.move(job, JobState.CLAIMED, now, instance_id=runner.instance_id)

    def _register(self, runner: Runner, job: Job, config: RunnerConfig) -> Minted:
        """A name taken belongs to an earlier try of this machine, perhaps one still at work: take the next."""
        for claims in range(runner.claims + 1, runner.claims + 1 + _NAMES_TRIED):
            wanted = _registration(job, config, runner_name.name_of(runner.instance_id, claims))
            registered = self.github.register(wanted, self.clock())
            if not isinstance(registered, NameTaken):
                return Minted(claims, wanted, registered)
        raise Unavailable(f"{runner.instance_id}: GitHub has {_NAMES_TRIED} runners of its name", retry_after_s=5)

    def _unmint(self, minted: Minted | None) -> None:
        """A runner minted for a job that was cancelled meanwhile must not stay registered, where that can be helped."""
        if minted is not None:
            with suppress(Unavailable, Rejected):
                self.github.remove(minted.wanted, minted.registered.runner_id, self.clock())

    def _release(self, runner: Runner, job: Job, config: RunnerConfig) -> Release:
        """The runner to run: remembered by this function, by the stack, or asked of GitHub."""
        name = release_fact(job.server, runner.platform)
        now = self.clock()
        release, until = self._releases.get(name, (None, 0.0))
        if release is None or now >= until:
            until = now + self.terms.release_ttl_s
            known = self.memory.recall(name, now)
            release = wire.loads(Release, known) if known else self._latest(name, runner, job, config)
            self._releases[name] = (release, until)
        return release

    def _latest(self, name: str, runner: Runner, job: Job, config: RunnerConfig) -> Release:
        os, _, arch = runner.platform.partition("/")
        now = self.clock()
        release = self.github.release(_registration(job, config, runner.name), Os(os), Arch(arch), now)
        self.memory.remember(name, wire.dumps(release), now + self.terms.release_ttl_s)
        return release

    def _package(self, release: Release, claim: Claim, now: float) -> RunnerPackage:
        """Where the runner comes from, and for a machine that has none on board how the cache gets it, too."""
        cached = f"s3://{self.terms.cache_bucket}/{ARCHIVES}{release.url.rpartition('/')[2]}"
        wanted = self.offers and self.terms.cache_bucket and release.version not in claim.baked_runners
        return RunnerPackage(
            version=release.version,
            sha256=release.sha256,
            sources=((cached,) if self.terms.cache_bucket else ()) + (release.url,),
            disable_update=True,
            offer=self.offers.offer(cached, release.sha256, now) if self.offers and wanted else None,
        )

    def _bundle(self, runner: Runner, job: Job, package: RunnerPackage, minted: Minted, asked_at: float) -> Bundle:
        context = TraceContext.of_job(*_ids(job)).child()
        self.tell(
            WorkClaimed(job.id, job.repository, runner.instance_id, runner.name, str(context), asked_at, self.clock())
        )
        return Bundle(
            instance_id=runner.instance_id,
            runner_name=runner.name,
            jit_config=minted.registered.jit_config,
            package=package,
            job=IntendedJob(job.key.job_id, job.key.attempt, job.repository, job.name),
            labels=job.labels,
            traceparent=str(context),
            targets=self.terms.targets,
            limits=Limits(
                idle_s=self.terms.idle_limit_s,
                job_s=runner.job_limit_s,
                poll_s=self.terms.notice_poll_s,
            ),
            setup=(SetupGroup("SpotRunner", _card(runner, job)),),
            artifacts=self.terms.artifacts.get(runner.config, ""),
        )


_VERSIONS_KEPT, _VERSION_LENGTH = 4, 20
"""A machine's word goes into its record, and must not fill it."""


def release_fact(server: str, platform: str) -> str:
    """Under which name it is remembered which release GitHub offers for a platform."""
    return f"release {server} {platform}"


_STATUS: dict[type[Exception], int] = {Rejected: 403, AlreadyDone: 409, NothingToDo: 410}

_SETTLING_S = 30.0
"""A launch younger than this is still being written down by its dispatcher."""

_SET_UP_S = 120.0
"""Allowed between a claim and a listening runner: download, unpack, start."""


def _is_repeated(claim: Claim, runner: Runner) -> bool:
    """Whether this is the same claim again, its answer lost on the way: only the agent itself knows its nonce."""
    return bool(claim.nonce) and hmac.compare_digest(_digest(claim.nonce), runner.nonce)


def _digest(nonce: str) -> str:
    return hashlib.sha256(nonce.encode()).hexdigest() if nonce else ""


def _wants(job: Job, runner: Runner) -> bool:
    if job.home != runner.home:
        return False
    match job.state:
        case JobState.WAITING:
            return not job.on_demand or runner.lifecycle is Lifecycle.ON_DEMAND
        case JobState.LAUNCHING:
            return job.launch_id == runner.launch_id
        case JobState.LAUNCHED | JobState.CLAIMED:
            return job.instance_id == runner.instance_id
        case _:
            return False


def _registration(job: Job, config: RunnerConfig, name: str) -> Registration:
    return Registration(
        server=job.server,
        installation_id=job.installation_id,
        repository=job.repository,
        organization=config.organization,
        name=name,
        labels=tuple(dict.fromkeys((*job.labels, *config.extra_labels))),
        group_id=config.runner_group_id,
        group=config.runner_group,
    )


def _card(runner: Runner, job: Job) -> str:
    """What the "Set up job" step shows to the developer."""
    return "\n".join(
        (
            f"Machine: {runner.instance_type} ({runner.lifecycle}) in {runner.zone}, {runner.instance_id}",
            f"Configuration: {runner.config}; capacity: {job.rung or runner.lifecycle}",
            f"Trace: {TraceContext.of_job(*_ids(job)).trace_id}",
        )
    )


def _ids(job: Job) -> tuple[int, int, str]:
    return job.key.job_id, job.key.attempt, job.key.server

"""The fakes stand where the ports ask for them: a type checker proves it, nothing runs."""

from __future__ import annotations

from controller import ports
from tests.fakes.fleet import FakeFleet
from tests.fakes.github import FakeGitHub
from tests.fakes.memory import FakeMemory
from tests.fakes.queue import FakeBacklog, FakeOutbox
from tests.fakes.records import FakeJobs, FakeLaunches, FakeLedger, FakeRunners, Shelf
from tests.fakes.stack import FakeConfigs, FakeSecrets
from tests.fakes.telling import Told

SHELF = Shelf()
JOBS: ports.Jobs = FakeJobs(SHELF)
RUNNERS: ports.Runners = FakeRunners(SHELF)
LAUNCHES: ports.Launches = FakeLaunches(SHELF)
LEDGER: ports.Ledger = FakeLedger(SHELF)
MEMORY: ports.Memory = FakeMemory()
OUTBOX: ports.Outbox = FakeOutbox()
BACKLOG: ports.Backlog = FakeBacklog()
FLEET: ports.Fleet = FakeFleet()
CONFIGS: ports.Configs = FakeConfigs()
SECRETS: ports.Secrets = FakeSecrets()
GITHUB: ports.GitHub = FakeGitHub()
TELL: ports.Tell = Told()

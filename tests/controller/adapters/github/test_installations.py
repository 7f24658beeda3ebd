"""What several functions of a stack share of GitHub, and which App speaks: over HTTP, with the memory between them."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from controller.adapters.github.api import GitHubApi
from controller.adapters.github.calls import Call
from controller.adapters.github.installations import ASIDE_S, Installations
from controller.domain.call_budget import Lane
from controller.errors import Rejected, Unavailable
from controller.ports import Registered, Registration
from controller.servers import App, Server
from tests.controller.adapters.conftest import APP
from tests.controller.adapters.github.server import GitHubServer, Reply
from tests.fakes import samples
from tests.fakes.memory import FakeMemory
from tests.fakes.stack import FakeSecrets

NOW = samples.NOW
LATE = NOW + 3_000
CANARY = "ghs_tweety"
SECOND = App("222", "app_key")
JIT = "/generate-jitconfig"


class CountedMemory(FakeMemory):
    def __init__(self) -> None:
        super().__init__()
        self.recalls = 0

    def recall(self, name: str, now: float) -> str | None:
        self.recalls += 1
        return super().recall(name, now)


@dataclass(slots=True)
class Fleet:
    """Functions of one stack, each with a process of its own."""

    server: GitHubServer
    secrets: FakeSecrets
    memory: CountedMemory = field(default_factory=CountedMemory)
    apps: tuple[App, ...] = (APP,)
    opened: list[Installations] = field(default_factory=list)

    def process(self) -> Installations:
        """A function that has just started."""
        described = Server("", self.server.address, "webhook", self.apps)
        self.opened.append(Installations((described,), self.secrets, self.memory))
        return self.opened[-1]

    def register(self, by: Installations, name: str, now: float = NOW) -> object:
        return GitHubApi(by).register(self.wanted(name), now)

    def wanted(self, name: str = "a") -> Registration:
        return samples.registration(name, server=self.server.address)

    def tokens_kept(self) -> list[str]:
        """Under which names."""
        return [name for name in self.memory.facts if name.startswith("github token")]

    def asked(self, ending: str) -> list[str]:
        """The tokens that calls of this kind came with."""
        return [
            asked.headers["authorization"].removeprefix("Bearer ")
            for asked in self.server.asked
            if asked.path.endswith(ending)
        ]


@pytest.fixture
def fleet(github_server: GitHubServer, app_secrets: FakeSecrets) -> Iterator[Fleet]:
    github_server.token_text = CANARY
    made = Fleet(github_server, app_secrets)
    yield made
    for process in made.opened:
        process.close()


@pytest.fixture
def two_apps(fleet: Fleet) -> Fleet:
    fleet.apps = (APP, SECOND)
    fleet.server.app_ids.add(SECOND.app_id)
    fleet.server.installed[SECOND.app_id] = 8
    fleet.server.resets_at = int(NOW) + 900
    return fleet


def test_a_token_is_minted_once_for_all_functions(fleet: Fleet) -> None:
    for number in range(5):
        assert isinstance(fleet.register(fleet.process(), f"r-{number}"), Registered)

    assert fleet.server.mints == 1


def test_what_lies_in_the_memory_is_no_use_to_its_readers(fleet: Fleet) -> None:
    fleet.register(fleet.process(), "a")

    (kept,) = fleet.tokens_kept()
    assert CANARY not in repr(fleet.memory.facts)
    assert CANARY.encode() not in base64.b64decode(fleet.memory.facts[kept][0])


def test_a_token_near_its_end_is_minted_anew_once(fleet: Fleet) -> None:
    fleet.server.token_lives_until = "2026-09-21T15:00:00Z"
    first, second = fleet.process(), fleet.process()
    fleet.register(first, "a")
    fleet.register(second, "b")
    fleet.server.token_lives_until = "2026-09-21T16:00:00Z"

    fleet.register(first, "c", LATE)
    fleet.register(second, "d", LATE)

    assert fleet.server.mints == 2


def test_a_revoked_token_is_replaced_for_all(fleet: Fleet) -> None:
    first, second = fleet.process(), fleet.process()
    fleet.register(first, "a")
    fleet.register(second, "b")
    fleet.server.revoked.update(fleet.server.tokens)

    fleet.register(first, "c")
    fleet.register(second, "d")
    fleet.register(fleet.process(), "e")

    assert fleet.server.mints == 2


@pytest.mark.parametrize("spoilt", ["not base64!", "AAAA", "A" * 80, ""])
def test_what_was_not_sealed_with_the_apps_key_is_not_used(fleet: Fleet, spoilt: str) -> None:
    fleet.register(fleet.process(), "a")
    for name in fleet.tokens_kept():
        fleet.memory.remember(name, spoilt, NOW + 900)

    fleet.register(fleet.process(), "b")

    assert fleet.server.mints == 2


def test_a_token_is_not_taken_for_another_installations(fleet: Fleet) -> None:
    process = fleet.process()
    fleet.register(process, "a")
    (mine,) = fleet.tokens_kept()
    sealed = fleet.memory.recall(mine, NOW)
    fleet.memory.remember(mine.replace("installation 7", "installation 9"), sealed or "", NOW + 900)

    GitHubApi(fleet.process()).register(samples.registration("b", server=fleet.server.address, installation_id=9), NOW)

    assert fleet.server.mints == 2


def test_without_a_memory_that_answers_each_function_mints(fleet: Fleet) -> None:
    fleet.memory.faults.plan(*[Unavailable("DynamoDB is away")] * 20)

    for name in ("a", "b"):
        assert isinstance(fleet.register(fleet.process(), name), Registered)

    assert fleet.server.mints == 2


@pytest.mark.parametrize(
    ("reply", "wait"),
    [
        (Reply(429, {}, {"Retry-After": "30"}), 30.0),
        (Reply(403, {"message": "You have exceeded a secondary rate limit."}), 60.0),
        (Reply(403, {}, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(NOW) + 90)}), 90.0),
    ],
)
def test_a_pause_that_one_function_was_asked_for_is_kept_by_all(fleet: Fleet, reply: Reply, wait: float) -> None:
    fleet.server.interject(reply)
    with pytest.raises(Unavailable):
        fleet.register(fleet.process(), "a")
    asked = len(fleet.server.asked)

    with pytest.raises(Unavailable, match="not asked") as caught:
        fleet.register(fleet.process(), "a", NOW + 10)

    assert len(fleet.server.asked) == asked
    assert caught.value.retry_after_s == pytest.approx(wait - 10)
    assert isinstance(fleet.register(fleet.process(), "a", NOW + wait + 1), Registered)


def test_an_hours_registrations_used_up_are_no_reason_to_ask_nothing_else(fleet: Fleet) -> None:
    fleet.server.interject(Reply(403, {}, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(NOW) + 90)}))
    process = fleet.process()
    with pytest.raises(Unavailable):
        fleet.register(process, "a")

    assert not GitHubApi(process).is_registered(fleet.wanted(), 1, NOW)


def test_who_speaks_with_github_all_the_time_does_not_look_into_the_memory_each_time(fleet: Fleet) -> None:
    process = fleet.process()
    fleet.register(process, "first")
    looked = fleet.memory.recalls

    for number in range(100):
        fleet.register(process, f"r-{number}", NOW + number / 2)

    assert fleet.memory.recalls == looked


def test_the_lower_lanes_leave_the_rest_to_the_registrations(fleet: Fleet) -> None:
    fleet.server.remaining["7"], fleet.server.resets_at = 1_002, int(NOW) + 900
    process = fleet.process()
    look = Call("GET", fleet.server.address, "/repos/octo/hello/actions/runners/1")

    def ask(lane: Lane) -> Callable[[], object]:
        return lambda: process.send(look, 7, NOW, {200, 404}, lane)

    ask(Lane.CLEAN_UP)()
    ask(Lane.CLEAN_UP)()
    with pytest.raises(Unavailable, match=r"the clean-up calls of .* wait for 900 s"):
        ask(Lane.CLEAN_UP)()
    ask(Lane.RECOVERY)()
    fleet.server.remaining["7"] = 501
    ask(Lane.RECOVERY)()

    with pytest.raises(Unavailable, match="the recovery calls"):
        ask(Lane.RECOVERY)()
    ask(Lane.REGISTRATION)()


def test_the_app_that_has_used_least_registers_next(two_apps: Fleet) -> None:
    two_apps.server.remaining.update({"7": 4_000, "8": 4_990})
    process = two_apps.process()

    for number in range(14):
        two_apps.register(process, f"r-{number}")

    assert (two_apps.server.remaining["7"], two_apps.server.remaining["8"]) == (3_999, 4_977)
    assert len(two_apps.asked("/installation")) == 1


def test_two_apps_share_the_registrations_where_nothing_is_known_of_their_limits(two_apps: Fleet) -> None:
    process = two_apps.process()

    for number in range(20):
        two_apps.register(process, f"r-{number}")

    by = two_apps.asked(JIT)
    assert sorted(by.count(token) for token in set(by)) == [10, 10]


def test_where_one_app_is_limited_the_other_registers(two_apps: Fleet) -> None:
    two_apps.server.remaining.update({"7": 0})
    process = two_apps.process()

    registered = [two_apps.register(process, f"r-{number}") for number in range(5)]

    assert all(isinstance(one, Registered) for one in registered)
    assert len(two_apps.asked(JIT)) == 6


def test_where_all_apps_are_limited_the_shortest_pause_is_told(two_apps: Fleet) -> None:
    two_apps.server.interject(Reply(429, {}, {"Retry-After": "40"}), Reply(429, {}, {"Retry-After": "20"}))

    with pytest.raises(Unavailable) as caught:
        two_apps.register(two_apps.process(), "a")

    assert caught.value.retry_after_s == 20.0


def test_an_app_that_is_not_installed_there_is_asked_no_more_for_a_while(two_apps: Fleet) -> None:
    two_apps.server.installed.clear()
    process = two_apps.process()

    for number in range(3):
        assert isinstance(two_apps.register(process, f"r-{number}"), Registered)

    assert len(two_apps.asked("/installation")) == 1
    two_apps.register(process, "later", NOW + ASIDE_S)
    assert len(two_apps.asked("/installation")) == 2


def test_an_app_that_may_not_register_is_left_aside_and_no_job_feels_it(two_apps: Fleet) -> None:
    two_apps.server.forbidden.add("8")
    process = two_apps.process()

    registered = [two_apps.register(process, f"r-{number}") for number in range(9)]

    assert all(isinstance(one, Registered) for one in registered)
    assert len(two_apps.asked(JIT)) == 10


def test_what_the_app_with_the_webhook_may_not_do_is_refused(two_apps: Fleet) -> None:
    two_apps.server.interject(*[Reply(422, {"message": "Invalid request."})] * 2)

    with pytest.raises(Rejected, match="422 Invalid request"):
        two_apps.register(two_apps.process(), "a")


def test_a_call_to_a_server_that_is_not_the_stacks_carries_no_token(fleet: Fleet) -> None:
    elsewhere = samples.registration(server="https://evil.example")

    with pytest.raises(Rejected, match=r"https://evil\.example is none of this stack's servers"):
        GitHubApi(fleet.process()).register(elsewhere, NOW)

    assert fleet.server.asked == []

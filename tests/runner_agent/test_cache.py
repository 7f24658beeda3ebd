from __future__ import annotations

import hashlib

from runner_agent.contract.bundle import Offer, RunnerPackage
from runner_agent.contract.record import replace
from runner_agent.contract.reports import Result
from runner_agent.logs import Redactor
from tests.runner_agent import runners
from tests.runner_agent.stage import Served, until
from tests.runner_agent.world import RUN, World, done


def wanted(world: World) -> tuple[bytes, RunnerPackage]:
    data, sha256 = runners.archive([*RUN, {"until": "go"}, *done()])
    world.stage.files["/elsewhere"] = Served(data)
    headers = {
        "If-None-Match": "*",
        "X-Amz-Content-SHA256": sha256,
        "Authorization": "AWS4 by somebody",
        "X-Amz-Security-Token": "a-token-of-another",
    }
    offer = Offer(f"{world.stage.url}/cache/runner.tar.gz", headers)
    sources = ("s3://cache/runner.tar.gz", f"{world.stage.url}/elsewhere")
    return data, RunnerPackage("2.336.0", sha256, sources, offer=offer)


def test_a_runner_that_the_cache_lacks_is_put_there(world: World) -> None:
    data, package = wanted(world)
    world.grant(world.bundle(package=package))

    world.start()
    until(lambda: world.told("runner_offered"))
    (world.home / "runner" / "2.336.0" / "go").touch()
    world.end()

    assert world.stage.puts == {"/cache/runner.tar.gz": data}
    assert [path.name for path in (world.home / "runner").iterdir()] == ["2.336.0"]
    assert world.last.result is Result.SUCCESS


def test_what_somebody_else_has_put_there_is_not_replaced(world: World) -> None:
    _, package = wanted(world)
    world.stage.puts["/cache/runner.tar.gz"] = b"faster"
    world.grant(world.bundle(package=package))

    world.start()
    until(lambda: world.told("runner_offered"))
    (world.home / "runner" / "2.336.0" / "go").touch()
    world.end()

    assert world.told("runner_offered")[0]["status"] == 412
    assert world.stage.puts["/cache/runner.tar.gz"] == b"faster"


def test_without_an_offer_nothing_is_put_anywhere(world: World) -> None:
    _, package = wanted(world)
    world.grant(world.bundle(package=replace(package, offer=None)))

    world.start()
    until((world.home / "runner" / "2.336.0").exists)
    (world.home / "runner" / "2.336.0" / "go").touch()
    world.end()

    assert not world.stage.puts
    assert not world.told("runner_offered")
    assert [path.name for path in (world.home / "runner").iterdir()] == ["2.336.0"]
    assert world.last.result is Result.SUCCESS


def test_an_offers_signature_is_shown_nowhere(world: World) -> None:
    _, package = wanted(world)
    world.grant(world.bundle(package=package))
    redactor = Redactor()

    world.start(redactor=redactor)
    until(lambda: world.told("runner_offered"))
    (world.home / "runner" / "2.336.0" / "go").touch()
    world.end()

    assert "AWS4 by somebody" not in repr(package) + world.log.getvalue()
    assert redactor.text("AWS4 by somebody, a-token-of-another") == "***, ***"


def test_a_runner_from_the_cache_is_not_offered(world: World) -> None:
    data, _ = runners.archive([*RUN, *done()])
    world.stage.files["/cache/runner.tar.gz"] = Served(data)
    package = RunnerPackage("2.336.0", hashlib.sha256(data).hexdigest(), ("s3://cache/runner.tar.gz",))
    world.grant(world.bundle(package=package))

    world.live()

    assert not world.stage.puts
    assert world.last.result is Result.SUCCESS

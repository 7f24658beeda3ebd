"""Each fault, done to the local cloud and the local GitHub."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from controller.local.aws.ambush import Moment
from controller.local.aws.boots import Boot
from controller.local.aws.cloud import LocalCloud
from controller.local.github.server import GitHub
from controller.local.scenario.faults import number, seconds, text
from controller.local.scenario.outside import Victims
from controller.local.scenario.plan import Step

Harmed = Sequence[str]
_NONE: Harmed = ()


def on_cloud(step: Step, victims: Victims, cloud: LocalCloud) -> Harmed:
    """Let a fault of the cloud happen; the machines it harms."""
    return _CLOUD[step.fault](step, victims, cloud)


def on_github(step: Step, victims: Victims, github: GitHub) -> None:
    """Let a fault of GitHub happen."""
    _GITHUB[step.fault](step, victims, github)


def is_of_cloud(step: Step) -> bool:
    """Whether the fault is the cloud's."""
    return step.fault in _CLOUD


def _pool(step: Step) -> dict[str, str]:
    names = {"lifecycle": "lifecycle", "type": "instance_type", "zone": "zone"}
    return {theirs: text(step, ours) for ours, theirs in names.items()}


def _sell_out(step: Step, _: Victims, cloud: LocalCloud) -> Harmed:
    cloud.pools.sell_out(**_pool(step))
    return _NONE


def _restock(step: Step, _: Victims, cloud: LocalCloud) -> Harmed:
    cloud.pools.restock(**_pool(step))
    return _NONE


def _limit_pool(step: Step, _: Victims, cloud: LocalCloud) -> Harmed:
    cloud.pools.limit(**_pool(step), machines=number(step, "machines"))
    return _NONE


def _refuse_launch(step: Step, _: Victims, cloud: LocalCloud) -> Harmed:
    cloud.pools.refuse_next(text(step, "code"), number(step, "times"))
    return _NONE


def _fail_call(step: Step, _: Victims, cloud: LocalCloud) -> Harmed:
    cloud.fail_next(text(step, "action"), text(step, "code"), number(step, "times"))
    return _NONE


def _interrupt(step: Step, victims: Victims, cloud: LocalCloud) -> Harmed:
    return _on_spot(victims.machine, lambda: cloud.interrupt(victims.machine, seconds(step, "notice")))


def _on_spot(machine: str, strike: Callable[[], None]) -> Harmed:
    """AWS interrupts no machine but a spot one: then it befalls nobody."""
    if not machine:
        return _NONE
    try:
        strike()
    except ValueError:
        return _NONE
    return (machine,)


def _interrupt_pool(step: Step, _: Victims, cloud: LocalCloud) -> Harmed:
    return cloud.interrupt_pool(text(step, "type"), text(step, "zone"), seconds(step, "notice"))


def _rebalance(_: Step, victims: Victims, cloud: LocalCloud) -> Harmed:
    return _on_spot(victims.machine, lambda: cloud.rebalance(victims.machine))


def _kill(_: Step, victims: Victims, cloud: LocalCloud) -> Harmed:
    if not victims.machine:
        return _NONE
    cloud.kill(victims.machine)
    return (victims.machine,)


def _freeze(_: Step, victims: Victims, cloud: LocalCloud) -> Harmed:
    if not victims.machine:
        return _NONE
    cloud.freeze(victims.machine)
    return (victims.machine,)


def _kill_agent(_: Step, victims: Victims, cloud: LocalCloud) -> Harmed:
    if not victims.machine:
        return _NONE
    cloud.kill_agent(victims.machine)
    return (victims.machine,)


def _kill_function(step: Step, _: Victims, cloud: LocalCloud) -> Harmed:
    cloud.kill_function(text(step, "function"), number(step, "call"), Moment(text(step, "moment")))
    return _NONE


def _spare_functions(_step: Step, _: Victims, cloud: LocalCloud) -> Harmed:
    cloud.spare_functions()
    return _NONE


def _next_boot(step: Step, _: Victims, cloud: LocalCloud) -> Harmed:
    boot = Boot(text(step, "boot"))
    cloud.next_boot(boot, number(step, "times"), seconds(step, "extra") if boot is Boot.SLOW else 0.0)
    return _NONE


def _lose(step: Step, _: Victims, github: GitHub) -> None:
    github.lose_next(text(step, "action"), number(step, "times"), text(step, "job"))


def _fail_delivery(step: Step, _: Victims, github: GitHub) -> None:
    github.fail_next_delivery(text(step, "action"), number(step, "times"), text(step, "job"))


def _delay(step: Step, _: Victims, github: GitHub) -> None:
    github.delay_next(text(step, "action"), seconds(step, "for"), number(step, "times"), text(step, "job"))


def _repeat(step: Step, _: Victims, github: GitHub) -> None:
    github.repeat_next(number(step, "times"), text(step, "action"))


def _forge(_step: Step, _: Victims, github: GitHub) -> None:
    github.send_forged()


def _hold_back(step: Step, _: Victims, github: GitHub) -> None:
    github.hold_back(text(step, "job"))


def _cancel_job(_: Step, victims: Victims, github: GitHub) -> None:
    if victims.job:
        github.cancel_job(victims.job.job_id)


def _cancel_run(_: Step, victims: Victims, github: GitHub) -> None:
    if victims.job:
        github.cancel(victims.job.run_id)


def _steal(step: Step, _: Victims, github: GitHub) -> None:
    github.lose_next("queued", 1, text(step, "thief"))


def _restart(step: Step, _: Victims, github: GitHub) -> None:
    github.restart(seconds(step, "for"))


def _fail_requests(step: Step, _: Victims, github: GitHub) -> None:
    github.fail_requests(text(step, "route"), number(step, "status"), number(step, "times"))


def _limit(step: Step, _: Victims, github: GitHub) -> None:
    github.limit(text(step, "kind"), seconds(step, "for"))


_CLOUD: Mapping[str, Callable[[Step, Victims, LocalCloud], Harmed]] = {
    "sell_out": _sell_out,
    "restock": _restock,
    "limit_pool": _limit_pool,
    "refuse_launch": _refuse_launch,
    "fail_call": _fail_call,
    "interrupt": _interrupt,
    "interrupt_pool": _interrupt_pool,
    "rebalance": _rebalance,
    "kill": _kill,
    "kill_agent": _kill_agent,
    "kill_function": _kill_function,
    "spare_functions": _spare_functions,
    "freeze": _freeze,
    "next_boot": _next_boot,
}
_GITHUB: Mapping[str, Callable[[Step, Victims, GitHub], None]] = {
    "lose_webhook": _lose,
    "fail_webhook": _fail_delivery,
    "delay_webhook": _delay,
    "repeat_webhook": _repeat,
    "forge_webhook": _forge,
    "hold_back": _hold_back,
    "cancel_job": _cancel_job,
    "cancel_run": _cancel_run,
    "steal": _steal,
    "restart_github": _restart,
    "fail_requests": _fail_requests,
    "limit_github": _limit,
}

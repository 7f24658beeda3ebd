"""What went wrong, in a sentence for people."""

from __future__ import annotations

from controller.local.scenario import faults
from controller.local.scenario.facts import Facts, Played
from controller.local.scenario.faults import FAULTS, Victim


def title(played: Played, facts: Facts) -> str:
    """The mishap's sentence."""
    said = dict(played.step.values)
    words: dict[str, object] = {each.name: faults.said(played.step, each.name) for each in _parameters(played)}
    job = played.victims.job.name if played.victims.job else str(said.get("job") or "")
    words |= {
        "whose": job or "a job",
        "machine": played.victims.machine or (played.harmed[0] if played.harmed else "a machine"),
        "pool": _pool(words),
        "machines_of": _plural(len(played.harmed)),
        "doing": _doing(played, facts),
        "nth": "next" if words.get("call", 1) == 1 else f"{words['call']}. coming",
        "copies": _TIMES.get(words.get("times"), f"{words.get('times')} times"),
        "boots": _BOOTS.get(str(words.get("boot")), ""),
    }
    return _TITLES[played.step.fault].format(**words)


def _parameters(played: Played) -> list[faults.Parameter]:
    return [
        each
        for each in faults.FAULTS[played.step.fault].parameters
        if each.default is not None or each.name in dict(played.step.values)
    ]


def _pool(words: dict[str, object]) -> str:
    parts = [str(words[name]) for name in ("lifecycle", "type", "zone") if words.get(name, "*") != "*"]
    return " ".join(parts) or "every pool"


def _plural(number: int) -> str:
    return "1 machine" if number == 1 else f"{number} machines"


def _doing(played: Played, facts: Facts) -> str:
    """What the machine was doing when it was hit."""
    job = played.victims.job
    if job is None:
        return ""
    now = facts.now(job)
    if now.started_at is not None and now.started_at <= played.at and now.machine_among([played.victims.machine]):
        return " in mid-job"
    if FAULTS[played.step.fault].victim is Victim.MACHINE:
        return " while it booted"
    return " while its machine booted" if played.victims.machine else " while it waited"


_TIMES: dict[object, str] = {1: "once", 2: "twice", 3: "three times"}
_BOOTS = {
    "silent": "died silently in boot",
    "slow": "took its time to boot",
    "fails": "failed in boot",
}
_TITLES = {
    "sell_out": "Sold out: {pool}",
    "restock": "In stock again: {pool}",
    "limit_pool": "Only {machines} left: {pool}",
    "refuse_launch": "A launch was refused: {code}",
    "fail_call": "{action} failed: {code}",
    "interrupt": "The machine of {whose} was interrupted{doing}",
    "interrupt_pool": "{machines_of} of a pool interrupted at once: {type} {zone}",
    "rebalance": "EC2 advised to leave the machine of {whose}",
    "kill": "The machine of {whose} was gone without notice{doing}",
    "kill_agent": "The agent of {whose} was killed{doing}",
    "kill_function": "The function {function} was killed just {moment} its {nth} call to AWS",
    "spare_functions": "No function is killed any more",
    "freeze": "The machine of {whose} froze{doing}",
    "next_boot": "{machine} {boots}",
    "lose_webhook": "The webhook {action} of {whose} never arrived",
    "fail_webhook": "The webhook {action} of {whose} failed",
    "delay_webhook": "The webhook {action} of {whose} came late",
    "repeat_webhook": "One delivery was sent {copies}",
    "forge_webhook": "A forged delivery arrived",
    "hold_back": "{whose}: completed came before in_progress",
    "cancel_job": "{whose} was cancelled{doing}",
    "cancel_run": "The run of {whose} was cancelled{doing}",
    "steal": "{thief} took the runner of {whose}",
    "restart_github": "GitHub was away for {for} s",
    "fail_requests": "GitHub answered {status} to {route}",
    "limit_github": "GitHub's {kind} rate limit was hit",
}

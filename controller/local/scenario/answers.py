"""What the platform did about each mishap: found out from outside, or `nobody answered`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from controller.local.report.mishap import Mishap, Outcome
from controller.local.scenario import faults
from controller.local.scenario.facts import Facts, Played, named, place
from controller.local.scenario.outside import DeliverySeen
from controller.local.scenario.titles import title
from controller.local.truth import JobSeen, MachineSeen

NOBODY = "Nobody answered."
MOST_RERUNS = 2
"""After that a commit is told instead; whether it was, the verdict sees."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was done, whether it was enough, and the job or machine it is about."""

    text: str
    outcome: Outcome = Outcome.ANSWERED
    subject: str = ""


def _nobody(why: str = "", subject: str = "") -> Answer:
    return Answer(f"{NOBODY} {why}".strip(), Outcome.UNANSWERED, subject)


def _moot(why: str, subject: str = "") -> Answer:
    return Answer(why, Outcome.MOOT, subject)


def mishap(played: Played, facts: Facts) -> Mishap:
    """A played step with its answer."""
    answer = _ANSWERS[played.step.fault](played, facts)
    subject = answer.subject or played.victims.machine or _id(played.victims.job)
    fault = played.step.fault
    return Mishap(title(played, facts), _befell(played, facts), subject, answer.text, answer.outcome, fault)


def _befell(played: Played, facts: Facts) -> float:
    """When it struck, which may be later than when it was laid out."""
    match played.step.fault:
        case "next_boot":
            moments = [facts.machines[name].launched_at for name in played.harmed]
        case "lose_webhook" | "fail_webhook" | "delay_webhook":
            job = _whose(played, facts)
            moments = [_moment(job, faults.text(played.step, "action"))] if job else []
        case "hold_back":
            job = facts.first(named(faults.text(played.step, "job")))
            moments = [job.completed_at or 0.0] if job else []
        case "steal":
            job = facts.first(named(faults.text(played.step, "thief")))
            moments = [job.started_at or 0.0] if job else []
        case _:
            moments = []
    return max([played.at, *moments])


def _id(job: JobSeen | None) -> str:
    return str(job.job_id) if job else ""


def _sold_out(played: Played, facts: Facts) -> Answer:
    """The next machine that would have come from there, and where it came from instead."""
    whom = named(faults.text(played.step, "job"))
    after = [job for job in facts.jobs if whom(job) and _launched_after(played, job, facts)]
    job = min(after, key=lambda each: each.started_at or 0.0, default=None)
    machine = facts.machine_of(job) if job else None
    if job is None or machine is None:
        waiting = facts.first(lambda each: whom(each) and each.status == "queued")
        if waiting:
            return _nobody(f"{waiting.name} still waits.", _id(waiting))
        return _moot("No machine was asked for afterwards.")
    return Answer(f"{job.name} got {_kind(machine)} instead, after {_gap(job)}.", subject=_id(job))


def _launched_after(played: Played, job: JobSeen, facts: Facts) -> bool:
    machine = facts.machine_of(job)
    return machine is not None and machine.launched_at >= played.at


def _kind(machine: MachineSeen) -> str:
    how = "on demand" if machine.lifecycle == "on-demand" else machine.lifecycle
    return f"{machine.instance_type} in {machine.zone}, {how},"


def _gap(job: JobSeen) -> str:
    return f"{(job.started_at or job.queued_at) - job.queued_at:.1f} s in the queue"


def _harmed_machine(played: Played, facts: Facts) -> Answer:
    """Each machine that was harmed, with what became of the job it was for."""
    if not played.harmed:
        return _moot("There was no machine that it could befall.")
    answers = [_without(name, played, facts) for name in played.harmed]
    worst = next((each for each in answers if each.outcome is Outcome.UNANSWERED), answers[0])
    texts = dict.fromkeys(each.text for each in answers)
    return Answer(" ".join(texts), worst.outcome, worst.subject)


def _without(name: str, played: Played, facts: Facts) -> Answer:
    ran = next((job for job in facts.jobs if job.machine_among([name])), None)
    if ran is not None:
        return _broken_off(ran, name, played, facts)
    meant = facts.job(facts.pairs.job_of(name) or 0)
    if meant is None:
        return _moot("Nobody was waiting for that machine.", name)
    machine = facts.machine_of(meant)
    if machine is None:
        return _went_without(meant, name)
    if meant.started_at is not None and meant.started_at < played.at:
        return _moot(f"{meant.name} had another machine already.", name)
    late = (meant.started_at or played.at) - played.at
    return Answer(f"Replaced: {meant.name} ran on {place(machine)} {late:.1f} s later.", subject=name)


def _went_without(job: JobSeen, name: str) -> Answer:
    if job.status == "completed":
        return _moot(f"{job.name} was {job.conclusion} before it needed one.", name)
    return _nobody(f"{job.name} still waits.", name)


def _broken_off(job: JobSeen, name: str, played: Played, facts: Facts) -> Answer:
    """A job that ran on a machine that was taken away."""
    if job.status != "completed":
        return _nobody(f"{job.name} is {job.status}.", name)
    if job.conclusion == "cancelled":
        return _moot(f"{job.name} was cancelled.", name)
    if not job.broken:
        ahead = "finished first" if (job.completed_at or 0.0) > played.at else "had finished"
        return Answer(f"{job.name} {ahead}: {job.conclusion}.", subject=name)
    return _run_again(job, name, played, facts)


def _run_again(job: JobSeen, name: str, played: Played, facts: Facts) -> Answer:
    ended = f"{job.name} ended after {(job.completed_at or played.at) - played.at:.1f} s"
    again = facts.next_attempt(job)
    if again is None:
        if job.attempt > MOST_RERUNS:
            return Answer(f"{ended}; it has been run again {MOST_RERUNS} times already.", subject=name)
        return _nobody(f"{ended} and was not re-run.", name)
    machine = facts.machine_of(again)
    if again.broken and machine is not None and machine.instance_id in facts.harmed:
        return Answer(f"{ended}; re-run as attempt {again.attempt}, which was struck too.", subject=name)
    if machine is None or again.status != "completed" or again.broken:
        return _nobody(f"{ended}; attempt {again.attempt} is {again.conclusion or again.status}.", name)
    return _served_again(ended, again, machine, facts, name)


def _served_again(ended: str, again: JobSeen, machine: MachineSeen, facts: Facts, name: str) -> Answer:
    if machine.lifecycle == "on-demand":
        on = f"on {machine.instance_id}, on demand"
        return Answer(f"{ended}; re-run as attempt {again.attempt} {on}: {again.conclusion}.", subject=name)
    where = place(machine)
    if _is_anothers(machine, again, facts):
        return Answer(f"{ended}; GitHub gave attempt {again.attempt} to {where}, by its labels.", subject=name)
    return _nobody(f"{ended}; attempt {again.attempt} went to {where}, which is no safer.", name)


def _is_anothers(machine: MachineSeen, job: JobSeen, facts: Facts) -> bool:
    """Whether a machine was there for another job, and listened with labels that are this one's too."""
    if machine.launched_at < job.queued_at:
        return True
    alike = (other for other in facts.jobs if other.labels == job.labels and other.job_id != job.job_id)
    return any(machine.instance_id in facts.pairs.machines_of(other.job_id) for other in alike)


def _slow_boot(played: Played, facts: Facts) -> Answer:
    for name in played.harmed:
        used = next((job for job in facts.jobs if job.machine_among([name])), None)
        if used is not None:
            return Answer(f"It was waited for: {used.name} ran on it after {_gap(used)}.", subject=name)
    return _harmed_machine(played, facts)


def _next_boot(played: Played, facts: Facts) -> Answer:
    slow = faults.text(played.step, "boot") == "slow"
    return _slow_boot(played, facts) if slow else _harmed_machine(played, facts)


def _rebalance(played: Played, facts: Facts) -> Answer:
    """A machine at work may stay; an idle one may go, and then its job needs another."""
    ran = next((job for name in played.harmed for job in facts.jobs if job.machine_among([name])), None)
    if ran is not None and ran.conclusion == "success":
        return Answer(f"{ran.name} was left in peace: {ran.conclusion}.", subject=played.victims.machine)
    return _harmed_machine(played, facts)


def _lost_webhook(played: Played, facts: Facts) -> Answer:
    action = faults.text(played.step, "action")
    job = _whose(played, facts)
    if job is None:
        return _moot("No such delivery was due.")
    tries = [each for each in facts.sent(job, action) if _taken(each)]
    if action != "queued":
        return _went_on(job, action, facts)
    if job.started_at is None or not job.runner:
        if job.conclusion == "cancelled":
            return _moot(f"{job.name} was cancelled.", _id(job))
        return _nobody(f"{job.name} is {job.conclusion or job.status}.", _id(job))
    if tries:
        late = tries[0].sent_at - job.queued_at
        words = f"Delivered again after {late:.1f} s ({tries[0].status})"
    else:
        words = "Found without it"
    return Answer(f"{words}: {job.name} ran after {_gap(job)}.", subject=_id(job))


def _whose(played: Played, facts: Facts) -> JobSeen | None:
    """The job that was named, or the next one whose delivery did not come as it should."""
    name, action = faults.text(played.step, "job"), faults.text(played.step, "action")
    if name:
        return facts.first(named(name))
    due = [(_moment(job, action), job) for job in facts.jobs if job.needs_machine]
    late = [(moment, job) for moment, job in due if moment >= played.at and _went_astray(job, played, facts)]
    return min(late, key=lambda each: each[0], default=(0.0, None))[1]


def _moment(job: JobSeen, action: str) -> float:
    moments = {"queued": job.queued_at, "in_progress": job.started_at, "completed": job.completed_at}
    return moments[action] or 0.0


def _went_astray(job: JobSeen, played: Played, facts: Facts) -> bool:
    sent = facts.sent(job, faults.text(played.step, "action"))
    match played.step.fault:
        case "lose_webhook":
            return not sent
        case "fail_webhook":
            return bool(sent) and not _taken(sent[0])
        case _:
            moment = _moment(job, faults.text(played.step, "action"))
            return bool(sent) and sent[0].sent_at - moment >= faults.seconds(played.step, "for") * 0.9


def _taken(sent: DeliverySeen) -> bool:
    return 200 <= sent.status < 300  # noqa: PLR2004 - the class of success


def _went_on(job: JobSeen, action: str, facts: Facts) -> Answer:
    machine = facts.machine_of(job)
    if job.status != "completed" or (machine is not None and machine.running):
        return _nobody(f"{job.name} is {job.status}.", _id(job))
    return Answer(f"{job.name} ended all the same: {job.conclusion}; {action} was not needed.", subject=_id(job))


def _repeated(played: Played, facts: Facts) -> Answer:
    action = faults.text(played.step, "action")
    sent = [each for each in facts.deliveries if not each.forged]
    guids = [each.guid for each in sent if each.action == action and each.sent_at >= played.at]
    often = next((guid for guid in guids if guids.count(guid) > 1), None)
    copies = [each for each in facts.deliveries if each.guid == often]
    if not copies:
        return _moot("No such delivery was due.")
    job = facts.job(copies[0].job_id)
    codes = ", ".join(str(each.status) for each in copies)
    if not all(map(_taken, copies)):
        return _nobody(f"The copies were answered {codes}.", _id(job))
    alone = job is not None and len(facts.pairs.machines_of(job.job_id)) == 1
    return Answer(f"Answered {codes}{'; one machine was launched' if alone else ''}.", subject=_id(job))


def _forged(played: Played, facts: Facts) -> Answer:
    forged = next((each for each in facts.deliveries if each.forged and each.sent_at >= played.at - 1), None)
    if forged is None:
        return _nobody("It is not in the log.")
    if forged.status == 401:  # noqa: PLR2004 - unauthorized
        return Answer("Refused with 401.")
    return _nobody(f"It was answered {forged.status}.")


def _held_back(played: Played, facts: Facts) -> Answer:
    whom = named(faults.text(played.step, "job"))
    job = facts.first(lambda each: whom(each) and each.needs_machine)
    if job is None:
        return _moot("No such job ever began.")
    began, ended = facts.sent(job, "in_progress"), facts.sent(job, "completed")
    if not began or not ended:
        return _nobody("The deliveries did not come.", _id(job))
    codes = (ended[0].status, began[-1].status)
    if not (_taken(ended[0]) and _taken(began[-1])):
        return _nobody(f"They were answered {codes[0]} and {codes[1]}.", _id(job))
    late = began[-1].sent_at - ended[0].sent_at
    return Answer(
        f"Both were taken ({codes[0]}, then {codes[1]} {late:.1f} s later): {job.conclusion}.", subject=_id(job)
    )


def _cancelled(played: Played, facts: Facts) -> Answer:
    job = facts.now(played.victims.job) if played.victims.job else None
    if job is None:
        return _moot("There was no such job.")
    name = played.victims.machine or facts.pairs.machine_of(job.job_id)
    if not name:
        return Answer("No machine was launched for it.", subject=_id(job))
    machine = facts.machines[name]
    other = next((each for each in facts.jobs if each.machine_among([name])), None)
    if other is not None and other.job_id != job.job_id:
        return Answer(f"Its machine {name} took {other.name} instead.", subject=_id(job))
    if machine.ended_at is None:
        return _nobody(f"{name} still runs.", _id(job))
    return Answer(f"Its machine {name} was off {machine.ended_at - played.at:.1f} s later.", subject=_id(job))


def _stolen(played: Played, facts: Facts) -> Answer:
    victim = facts.first(named(faults.text(played.step, "job")))
    thief = facts.first(named(faults.text(played.step, "thief")))
    if victim is None or thief is None:
        return _moot("Thief and victim did not meet.")
    if not victim.runner or victim.status != "completed" or not thief.runner:
        poor = victim if not victim.runner or victim.status != "completed" else thief
        return _nobody(f"{poor.name} is {poor.conclusion or poor.status}.", _id(poor))
    taken, own = facts.machine_of(thief), facts.machine_of(victim)
    if taken is None or own is None or (thief.started_at or 0.0) > (victim.started_at or 0.0):
        return _moot(f"{thief.name} took a runner of its own.", _id(thief))
    late = (victim.started_at or 0.0) - (thief.started_at or 0.0)
    return Answer(
        f"{thief.name} ran on {taken.instance_id}; {victim.name} got {place(own)} {late:.1f} s later.",
        subject=_id(victim),
    )


def _asked_again(played: Played, facts: Facts) -> Answer:
    """A passing fault is answered when whoever waited then or came later was served."""
    whom = named(faults.text(played.step, "job"))
    touched = [job for job in facts.jobs if whom(job) and job.needs_machine and _waited_since(job, played.at)]
    waiting = next((job for job in touched if job.status == "queued"), None)
    if waiting:
        return _nobody(f"{waiting.name} still waits.", _id(waiting))
    served = [job for job in touched if job.runner]
    if not served:
        return _moot("Nobody needed it afterwards.")
    first = min(served, key=lambda job: job.started_at or 0.0)
    return Answer(f"Asked again: {first.name} ran after {_gap(first)}.", subject=_id(first))


def _waited_since(job: JobSeen, at: float) -> bool:
    return (job.started_at or job.completed_at or float("inf")) >= at


def _nothing_to_do(_played: Played, _facts: Facts) -> Answer:
    return _moot("")


_ANSWERS: Mapping[str, Callable[[Played, Facts], Answer]] = {
    "sell_out": _sold_out,
    "restock": _nothing_to_do,
    "limit_pool": _sold_out,
    "refuse_launch": _asked_again,
    "fail_call": _asked_again,
    "interrupt": _harmed_machine,
    "interrupt_pool": _harmed_machine,
    "rebalance": _rebalance,
    "kill": _harmed_machine,
    "kill_agent": _harmed_machine,
    "kill_function": _asked_again,
    "spare_functions": _nothing_to_do,
    "freeze": _harmed_machine,
    "next_boot": _next_boot,
    "lose_webhook": _lost_webhook,
    "fail_webhook": _lost_webhook,
    "delay_webhook": _lost_webhook,
    "repeat_webhook": _repeated,
    "forge_webhook": _forged,
    "hold_back": _held_back,
    "cancel_job": _cancelled,
    "cancel_run": _cancelled,
    "steal": _stolen,
    "restart_github": _asked_again,
    "fail_requests": _asked_again,
    "limit_github": _asked_again,
}

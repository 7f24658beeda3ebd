"""What goes along with a machine from its first bundle to its end: who looks out, who measures, who ships logs."""

from __future__ import annotations

from runner_agent.aws import Signer
from runner_agent.ballast import Ballast
from runner_agent.contract.bundle import Bundle
from runner_agent.contract.record import Record
from runner_agent.lifecycle.gauge import Gauge
from runner_agent.lifecycle.hooks import Hooks
from runner_agent.lifecycle.lookout import Lookout
from runner_agent.lifecycle.machine import Machine
from runner_agent.lifecycle.witness import Aids
from runner_agent.telemetry.peaks import Meter
from runner_agent.telemetry.shipping import Shipper


class Attendants(Record):
    """They work in threads of their own, and end with the machine."""

    aids: Aids
    lookout: Lookout
    gauge: Gauge
    shipper: Shipper | None

    def stop(self) -> None:
        """Look no more, run nothing more."""
        self.lookout.stop()
        self.gauge.stop()
        self.aids.hooks.stop()
        self.aids.ballast.drop()

    def flush(self, seconds: float) -> None:
        """Get the log out within a time."""
        if self.shipper:
            self.shipper.flush(seconds)


def attend(machine: Machine, bundle: Bundle, signer: Signer, lookout: Lookout | None) -> Attendants:
    """Begin; a machine that has waited for work has a lookout already."""
    inbox = machine.inbox
    shipper = _shipper(machine, bundle, signer)
    if shipper:
        machine.listen(shipper.put)
    aids = Aids(
        meter=Meter(machine.vitals),
        hooks=Hooks(machine),
        ballast=Ballast(machine.home, machine.ballast),
        ship=shipper.put_all if shipper else lambda _lines: None,
    )
    lookout = lookout or Lookout(machine.metadata, inbox, bundle.limits.poll_s, machine.tell)
    return Attendants(aids, lookout, Gauge(machine.vitals, inbox, machine.pace.gauge_s), shipper)


def _shipper(machine: Machine, bundle: Bundle, signer: Signer) -> Shipper | None:
    targets = bundle.targets
    if not targets.log_group:
        return None
    # Nothing of it before the listener runs: a machine without a log to ship never loads it.
    from runner_agent.telemetry.cloudwatch import stream  # noqa: PLC0415 - see above

    return Shipper(stream(signer, targets, bundle.instance_id, machine.redactor), machine.redactor, machine.tell)

from __future__ import annotations

import pytest

from controller.adapters.aws.errors import failure, refusal_kind
from controller.domain.refusal import RefusalKind
from controller.errors import Rejected, Unavailable

K = RefusalKind


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("InsufficientInstanceCapacity", K.CAPACITY),
        ("UnfulfillableCapacity", K.CAPACITY),
        ("InsufficientCapacity", K.CAPACITY),
        ("InsufficientCapacityOnHost", K.CAPACITY),
        ("ReservationCapacityExceeded", K.CAPACITY),
        ("SpotMaxPriceTooLow", K.CAPACITY),
        ("Unsupported", K.UNSUPPORTED),
        ("InsufficientFreeAddressesInSubnet", K.SUBNET),
        ("RequestLimitExceeded", K.RATE),
        ("ThrottlingException", K.RATE),
        ("ResourceLimitExceeded", K.RATE),
        ("InternalError", K.SERVER),
        ("ServiceUnavailable", K.SERVER),
        ("Unavailable", K.SERVER),
        ("MaxSpotInstanceCountExceeded", K.QUOTA),
        ("VcpuLimitExceeded", K.QUOTA),
        ("InstanceLimitExceeded", K.QUOTA),
        ("MaxFleetCountExceeded", K.QUOTA),
        ("TargetCapacityLimitExceededException", K.QUOTA),
        ("MaxSpotFleetRequestCountExceeded", K.QUOTA),
        ("PendingVerification", K.QUOTA),
        ("AuthFailure.ServiceLinkedRoleCreationNotPermitted", K.SPECIAL),
        ("InvalidInstanceID.NotFound", K.RACE),
        ("UnauthorizedOperation", K.CONFIG),
        ("AuthFailure", K.CONFIG),
        ("InvalidParameterValue", K.CONFIG),
        ("InvalidLaunchTemplateId.NotFound", K.CONFIG),
        ("InvalidAMIID.NotFound", K.CONFIG),
        ("InvalidSubnetID.NotFound", K.CONFIG),
        ("IdempotentParameterMismatch", K.CONFIG),
        ("Blocked", K.CONFIG),
        ("SomethingNobodyHasSeen", K.CONFIG),
    ],
)
def test_a_code_is_a_kind_of_refusal(code: str, kind: RefusalKind) -> None:
    assert refusal_kind(code) is kind


def test_an_unknown_code_with_a_servers_status_is_the_servers_fault() -> None:
    assert refusal_kind("", 503) is K.SERVER
    assert refusal_kind("RequestLimitExceeded", 503) is K.RATE


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("ThrottlingException", 400),
        ("ProvisionedThroughputExceededException", 400),
        ("InternalServerError", 500),
        ("", 502),
        ("", 429),
        ("AccessDeniedException", 400),
        ("ExpiredTokenException", 403),
        ("TransactionConflictException", 400),
        ("InvalidInstanceID.NotFound", 400),
    ],
)
def test_what_may_pass_is_tried_again(code: str, status: int) -> None:
    assert isinstance(failure("jobs 1#1", code, status, "words"), Unavailable)


@pytest.mark.parametrize("code", ["ValidationException", "ResourceNotFoundException", "InvalidParameterValue"])
def test_what_can_never_work_is_rejected(code: str) -> None:
    error = failure("jobs 1#1", code, 400, "words")

    assert isinstance(error, Rejected)
    assert str(error) == f"jobs 1#1: {code} words"

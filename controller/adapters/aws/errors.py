"""What AWS's error codes mean to us: one of our three errors, or a kind of refusal.

Needs no AWS SDK, because the webhook door asks it too.
"""

from __future__ import annotations

from controller.domain.refusal import RefusalKind
from controller.errors import Rejected, SpotRunnerError, Unavailable

_KINDS: dict[RefusalKind, frozenset[str]] = {
    RefusalKind.CAPACITY: frozenset(
        {
            "InsufficientCapacity",
            "InsufficientCapacityOnHost",
            "InsufficientHostCapacity",
            "InsufficientInstanceCapacity",
            "InsufficientReservedInstanceCapacity",
            "ReservationCapacityExceeded",
            "SpotMaxPriceTooLow",
            "UnfulfillableCapacity",
        }
    ),
    RefusalKind.UNSUPPORTED: frozenset({"Unsupported", "UnsupportedOperation"}),
    RefusalKind.SUBNET: frozenset({"InsufficientFreeAddressesInSubnet"}),
    RefusalKind.RATE: frozenset(
        {
            "EC2ThrottledException",
            "ProvisionedThroughputExceeded",
            "ProvisionedThroughputExceededException",
            "RequestLimitExceeded",
            "RequestThrottled",
            "RequestThrottledException",
            # EC2 answers this when a resource's token bucket is empty; the account's own limits have other names.
            "ResourceLimitExceeded",
            "SlowDown",
            "Throttling",
            "ThrottlingError",
            "ThrottlingException",
            "ThrottledException",
            "TooManyRequestsException",
        }
    ),
    RefusalKind.SERVER: frozenset(
        {"InternalError", "InternalFailure", "InternalServerError", "ServiceUnavailable", "Unavailable"}
    ),
    RefusalKind.QUOTA: frozenset(
        {
            "InstanceLimitExceeded",
            "MaxFleetCountExceeded",
            "MaxSpotFleetRequestCountExceeded",
            "MaxSpotInstanceCountExceeded",
            "PendingVerification",
            "SpotInstanceCountExceeded",
            "TargetCapacityLimitExceededException",
            "VcpuLimitExceeded",
            "VolumeLimitExceeded",
        }
    ),
    RefusalKind.SPECIAL: frozenset({"AuthFailure.ServiceLinkedRoleCreationNotPermitted"}),
    RefusalKind.RACE: frozenset({"InvalidInstanceID.NotFound"}),
}
_KIND_OF = {code: kind for kind, codes in _KINDS.items() for code in codes}

_REPAIRABLE = frozenset(
    {
        # Somebody may be about to grant or create what is missing, and work must not be dropped meanwhile.
        "AccessDenied",
        "AccessDeniedException",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidClientTokenId",
        "KmsAccessDenied",
        "KmsThrottled",
        "RequestExpired",
        "RequestTimeout",
        "RequestTimeoutException",
        "TransactionConflictException",
        "TransactionInProgressException",
        "UnauthorizedOperation",
        "UnrecognizedClientException",
    }
)

_CONFLICTS = frozenset({"TransactionConflictException", "TransactionInProgressException"})
_SERVER_FAULT = 500
_TOO_MANY = 429
_TRY_LATER = frozenset({RefusalKind.RATE, RefusalKind.SERVER, RefusalKind.RACE})


def refusal_kind(code: str, status: int = 0) -> RefusalKind:
    """What to do about a code that EC2 refuses a launch with."""
    known = _KIND_OF.get(code)
    if known is not None:
        return known
    return RefusalKind.SERVER if status >= _SERVER_FAULT else RefusalKind.CONFIG


def is_fault(code: str, status: int) -> bool:
    """Whether a call failed that should not have: not for a condition, a wrong question or too many of them."""
    return (code in _REPAIRABLE and code not in _CONFLICTS) or refusal_kind(code, status) is RefusalKind.SERVER


def failure(what: str, code: str, status: int, message: str) -> SpotRunnerError:
    """Our error for AWS's: `Unavailable` where trying again may help, else `Rejected`."""
    text = f"{what}: {code or status} {message}".rstrip()
    later = refusal_kind(code, status) in _TRY_LATER or status == _TOO_MANY or code in _REPAIRABLE
    return Unavailable(text) if later else Rejected(text)

"""The codes that EC2 refuses launches with, each in the words and with the status that callers meet.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
"""

from __future__ import annotations

from collections.abc import Mapping

from controller.local.aws.fleet import Pool
from controller.local.aws.refusals import ServiceError

_SERVER = {"RequestLimitExceeded": 503, "ServiceUnavailable": 503, "Unavailable": 503, "InternalError": 500}
_FORBIDDEN = {"UnauthorizedOperation": 403, "AuthFailure": 401}
_STATUS = _SERVER | _FORBIDDEN
_REFUSED = 400

WORDS: Mapping[str, str] = {
    # A pool has nothing to give.
    "InsufficientInstanceCapacity": (
        "We currently do not have sufficient {type} capacity in the Availability Zone you requested ({zone}). Our "
        "system will be working on provisioning additional capacity."
    ),
    "UnfulfillableCapacity": (
        "Unable to fulfill capacity due to your request configuration. Please adjust your request and try again."
    ),
    "InsufficientCapacity": "There is not enough capacity to fulfill your request.",
    "InsufficientCapacityOnHost": "There is not enough capacity on the Dedicated Host to launch or start the instance.",
    "ReservationCapacityExceeded": "The targeted Capacity Reservation does not have enough available capacity.",
    "SpotMaxPriceTooLow": (
        "Your Spot request price is lower than the minimum required Spot request fulfillment price for {type} in "
        "{zone}."
    ),
    "Unsupported": (
        "Your requested instance type ({type}) is not supported in your requested Availability Zone ({zone}). Please "
        "retry your request by not specifying an Availability Zone or choosing another one."
    ),
    "InsufficientFreeAddressesInSubnet": (
        "There are not enough free addresses in subnet '{subnet}' to satisfy the requested number of instances."
    ),
    # Too much was asked in too short a time.
    "RequestLimitExceeded": "Request limit exceeded.",
    "ThrottlingException": "Rate exceeded",
    "ResourceLimitExceeded": "You have exceeded an Amazon EC2 resource limit.",
    # EC2 itself is ill.
    "InternalError": "An internal error has occurred",
    "ServiceUnavailable": "The request has failed due to a temporary failure of the server.",
    "Unavailable": "The server is overloaded and can't handle the request.",
    # The account may not have more.
    "MaxSpotInstanceCountExceeded": "Max spot instance count exceeded",
    "VcpuLimitExceeded": (
        "You have requested more vCPU capacity than your current vCPU limit allows for the instance bucket that the "
        "specified instance type belongs to. Please visit http://aws.amazon.com/contact-us/ec2-request to request an "
        "adjustment to this limit."
    ),
    "InstanceLimitExceeded": "You have requested more instances than your current instance limit allows.",
    "MaxFleetCountExceeded": "You've reached your quota for maximum Fleet Requests for this account.",
    "MaxSpotFleetRequestCountExceeded": "You've reached your quota for maximum Spot Fleet Requests for this account.",
    "TargetCapacityLimitExceededException": "The requested target capacity exceeds the limit for this account.",
    "PendingVerification": (
        "Your request for accessing resources in this region is being validated, and you will not be able to launch "
        "additional resources in this region until the validation is complete."
    ),
    # The request, or who sends it, is wrong.
    "UnauthorizedOperation": "You are not authorized to perform this operation.",
    "AuthFailure": "AWS was not able to validate the provided access credentials",
    "AuthFailure.ServiceLinkedRoleCreationNotPermitted": (
        "The provided credentials do not have permission to create the service-linked role for EC2 Spot Instances."
    ),
    "InvalidParameterValue": "A value specified in a parameter is not valid.",
    "InvalidParameterCombination": "The parameters given can not be used together.",
    "InvalidFleetConfiguration": "The fleet's configuration is not valid.",
    "InvalidLaunchTemplateId.NotFound": "The specified launch template does not exist.",
    "InvalidLaunchTemplateId.VersionNotFound": "Could not find the specified version of the launch template.",
    "InvalidAMIID.NotFound": "The image id does not exist",
    "InvalidUserData.Malformed": "Invalid BASE64 encoding of user data.",
    "InvalidSubnetID.NotFound": "The subnet ID '{subnet}' does not exist",
    "IdempotentParameterMismatch": "The client token was used with different parameters.",
    "Blocked": "This account is currently blocked. If you have questions, please contact AWS Support.",
    # The cloud does not know yet what it has just launched.
    "InvalidInstanceID.NotFound": "The instance ID does not exist",
}
"""Whoever branches must branch on the code: AWS gives no promise on its words."""


def words(code: str, pool: Pool) -> str:
    """What an entry of a fleet's `Errors` says of one pool."""
    about = {"type": pool.instance_type, "zone": pool.zone, "subnet": pool.subnet}
    return WORDS.get(code, code).format_map(about)


def outright(code: str) -> ServiceError:
    """The refusal of a whole call."""
    unknown = {"type": "the instance type", "zone": "the zone", "subnet": "the subnet"}
    return ServiceError(code, WORDS.get(code, code).format_map(unknown), _STATUS.get(code, _REFUSED))

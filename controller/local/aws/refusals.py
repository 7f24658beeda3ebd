"""Errors in the shape that each AWS service gives them, so that SDKs read them as they would in the cloud."""

from __future__ import annotations

import json
import uuid
from xml.sax.saxutils import escape

from controller.local.aws.signatures import Fault
from controller.local.aws.web import Reply, typed

_QUERY = {
    Fault.MISSING: (403, "MissingAuthenticationToken"),
    Fault.MALFORMED: (403, "IncompleteSignature"),
    Fault.UNKNOWN_KEY: (403, "InvalidClientTokenId"),
    Fault.WRONG_TOKEN: (403, "InvalidClientTokenId"),
    Fault.EXPIRED_TOKEN: (403, "ExpiredToken"),
    Fault.SKEWED: (403, "SignatureDoesNotMatch"),
    Fault.MISMATCH: (403, "SignatureDoesNotMatch"),
    Fault.DENIED: (403, "AccessDenied"),
}
_JSON = {
    Fault.MISSING: (400, "MissingAuthenticationTokenException"),
    Fault.MALFORMED: (400, "IncompleteSignatureException"),
    Fault.UNKNOWN_KEY: (400, "UnrecognizedClientException"),
    Fault.WRONG_TOKEN: (400, "UnrecognizedClientException"),
    Fault.EXPIRED_TOKEN: (400, "ExpiredTokenException"),
    Fault.SKEWED: (400, "InvalidSignatureException"),
    Fault.MISMATCH: (400, "InvalidSignatureException"),
    Fault.DENIED: (400, "AccessDeniedException"),
}
_EC2 = dict.fromkeys(Fault, (401, "AuthFailure")) | {
    Fault.EXPIRED_TOKEN: (400, "RequestExpired"),
    Fault.SKEWED: (400, "RequestExpired"),
    Fault.DENIED: (403, "UnauthorizedOperation"),
}
_S3 = {
    Fault.MISSING: (403, "AccessDenied"),
    Fault.MALFORMED: (400, "AuthorizationHeaderMalformed"),
    Fault.UNKNOWN_KEY: (403, "InvalidAccessKeyId"),
    Fault.WRONG_TOKEN: (400, "InvalidToken"),
    Fault.EXPIRED_TOKEN: (400, "ExpiredToken"),
    Fault.SKEWED: (403, "RequestTimeTooSkewed"),
    Fault.MISMATCH: (403, "SignatureDoesNotMatch"),
    Fault.DENIED: (403, "AccessDenied"),
}
_SQS_SHAPES = {"AWS.SimpleQueueService.NonExistentQueue": "com.amazonaws.sqs#QueueDoesNotExist"}
_JSON_SERVICES = frozenset({"dynamodb", "ssm", "secretsmanager", "logs", "events"})


class ServiceError(Exception):
    """A service of ours refuses a call; the code is AWS's own."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


def refusal(service: str, fault: Fault, message: str) -> Reply:
    """The answer to a call that was not believed or not allowed."""
    if service == "execute-api":
        return typed(403, '{"message":"Forbidden"}', "application/json")
    table = {"ec2": _EC2, "s3": _S3}.get(service, _JSON if service in _JSON_SERVICES else _QUERY)
    status, code = table[fault]
    return error(service, ServiceError(code, message, status))


def error(service: str, problem: ServiceError) -> Reply:
    """A refusal as this service's protocol has it."""
    request_id = str(uuid.uuid4())
    if service == "sqs" or service in _JSON_SERVICES:
        return _json(service, problem, request_id)
    code, message = escape(problem.code), escape(str(problem))
    detail = f"<Code>{code}</Code><Message>{message}</Message>"
    if service == "ec2":
        body = f"<Response><Errors><Error>{detail}</Error></Errors><RequestID>{request_id}</RequestID></Response>"
    elif service == "s3":
        body = f"<Error>{detail}<RequestId>{request_id}</RequestId></Error>"
    else:
        body = (
            f"<ErrorResponse><Error><Type>Sender</Type>{detail}</Error>"
            f"<RequestId>{request_id}</RequestId></ErrorResponse>"
        )
    return typed(problem.status, f'<?xml version="1.0" encoding="UTF-8"?>\n{body}', "text/xml")


def _json(service: str, problem: ServiceError, request_id: str) -> Reply:
    body = json.dumps({"__type": _SQS_SHAPES.get(problem.code, problem.code), "message": str(problem)}).encode()
    headers = [("Content-Type", "application/x-amz-json-1.0"), ("x-amzn-RequestId", request_id)]
    if service == "sqs":
        # SQS still tells SDKs the code of its former XML protocol in this header.
        headers.append(("x-amzn-query-error", f"{problem.code};Sender"))
    return Reply(problem.status, body, tuple(headers))

"""SSM's parameters, in memory: moto's would load all of moto's EC2, which takes longer than the rest of the cloud."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from typing import Any

from controller.local.aws.calls import Call
from controller.local.aws.principals import ACCOUNT
from controller.local.aws.refusals import ServiceError
from controller.local.aws.web import Reply, typed

Fields = dict[str, Any]

STANDARD_BYTES = 4096
_PAGE = 10


@dataclass(frozen=True, slots=True)
class Parameter:
    """One version of a parameter."""

    name: str
    value: str
    kind: str
    version: int
    modified_at: float


class Parameters:
    """All parameters of the account."""

    def __init__(self, region: str) -> None:
        self._region = region
        self._lock = threading.Lock()
        self._parameters: dict[str, Parameter] = {}
        self._actions = {
            "PutParameter": self.put,
            "GetParameter": self.get,
            "GetParameters": self.get_many,
            "GetParametersByPath": self.by_path,
            "DeleteParameter": self.delete,
        }

    def answer(self, call: Call) -> Reply:
        """Answer one call."""
        action = self._actions.get(call.action)
        if action is None:
            raise ServiceError("UnknownOperationException", f"This cloud has no {call.action}")
        return typed(200, json.dumps(action(call.fields)), "application/x-amz-json-1.1")

    def put(self, fields: Fields) -> Fields:
        """PutParameter."""
        name, value = str(fields["Name"]), str(fields["Value"])
        if len(value.encode()) > STANDARD_BYTES and fields.get("Tier", "Standard") == "Standard":
            raise ServiceError("ValidationException", "Standard tier parameters support a maximum of 4096 characters.")
        with self._lock:
            former = self._parameters.get(name)
            if former and not fields.get("Overwrite"):
                raise ServiceError("ParameterAlreadyExists", "The parameter already exists.")
            kind = str(fields.get("Type") or (former.kind if former else "String"))
            version = former.version + 1 if former else 1
            self._parameters[name] = Parameter(name, value, kind, version, time.time())
        return {"Version": version, "Tier": fields.get("Tier", "Standard")}

    def get(self, fields: Fields) -> Fields:
        """GetParameter."""
        return {"Parameter": self._told(self._named(str(fields["Name"])))}

    def get_many(self, fields: Fields) -> Fields:
        """GetParameters."""
        names = [str(name) for name in fields["Names"]]
        found = [self._told(self._parameters[name]) for name in names if name in self._parameters]
        return {"Parameters": found, "InvalidParameters": [name for name in names if name not in self._parameters]}

    def by_path(self, fields: Fields) -> Fields:
        """GetParametersByPath."""
        path = str(fields["Path"]).rstrip("/") + "/"
        deep = bool(fields.get("Recursive"))
        with self._lock:
            names = sorted(name for name in self._parameters if name.startswith(path))
        names = [name for name in names if deep or "/" not in name.removeprefix(path)]
        start, size = int(fields.get("NextToken", 0)), int(fields.get("MaxResults", _PAGE))
        page = [self._told(self._parameters[name]) for name in names[start : start + size]]
        return {"Parameters": page} | ({"NextToken": str(start + size)} if start + size < len(names) else {})

    def delete(self, fields: Fields) -> Fields:
        """DeleteParameter."""
        with self._lock:
            del self._parameters[self._named(str(fields["Name"])).name]
        return {}

    def _named(self, name: str) -> Parameter:
        try:
            return self._parameters[name]
        except KeyError:
            raise ServiceError("ParameterNotFound", f"Parameter {name} not found.") from None

    def _told(self, parameter: Parameter) -> Fields:
        return {
            "Name": parameter.name,
            "Type": parameter.kind,
            "Value": parameter.value,
            "Version": parameter.version,
            "LastModifiedDate": parameter.modified_at,
            "ARN": f"arn:aws:ssm:{self._region}:{ACCOUNT}:parameter{parameter.name}",
            "DataType": "text",
        }

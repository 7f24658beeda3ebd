"""GitHub's published descriptions, as checks on what goes over the wire."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any, cast

from jsonschema import Draft7Validator
from jsonschema.exceptions import best_match

PUBLISHED = Path(__file__).parent / "published"


def check_webhook(payload: dict[str, Any]) -> None:
    """A `workflow_job` payload has exactly the shape GitHub publishes for its action."""
    definitions = _load("webhooks.json")["definitions"]
    schema = {"$ref": f"#/definitions/workflow_job${payload['action']}", "definitions": definitions}
    wrong = best_match(Draft7Validator(schema).iter_errors(payload))
    assert wrong is None, f"{wrong.json_path}: {wrong.message}"


def check_call(method: str, path: str, query: dict[str, str], body: object, status: int, answer: object) -> None:
    """A call and its answer are as GitHub's OpenAPI description says."""
    operation = _operation(method, path)
    assert set(query) <= set(operation["query"]), f"{path} takes no {set(query) - set(operation['query'])}"
    if status < 400 and (operation["body_required"] or body is not None):
        _validate(operation["request"], body)
    responses = operation["responses"]
    documented = responses[str(status)] if str(status) in responses else _shared(status)
    if documented is not None:
        _validate(documented, answer)


def operations() -> set[str]:
    """Every operation of the extract, such as `GET /orgs/{org}/actions/runners`."""
    return set(_load("openapi.json")["operations"])


def example_event() -> dict[str, Any]:
    """GitHub's own example of a queued job's webhook."""
    return cast("dict[str, Any]", _load("workflow_job_example.json")["event"])


def _shared(status: int) -> dict[str, str]:
    """The description leaves out errors that any call may answer."""
    assert status in (401, 403, 404, 409, 422, 429, 500, 502, 503, 504), f"{status} is not documented"
    return {"$ref": "#/components/schemas/basic-error"}


def _operation(method: str, path: str) -> dict[str, Any]:
    for name, operation in _load("openapi.json")["operations"].items():
        verb, template = name.split(" ")
        # `/runners/downloads` must not be taken for `/runners/{runner_id}`.
        pattern = re.sub(r"\{\w*_id\}", r"[0-9]+", template.replace("{path}", ".+"))
        if verb == method and re.fullmatch(re.sub(r"\{\w+\}", r"[^/]+", pattern), path):
            return cast("dict[str, Any]", operation)
    raise AssertionError(f"GitHub publishes no {method} {path}")


def _validate(schema: dict[str, Any], document: object) -> None:
    whole = {**_draft7(schema), "components": {"schemas": _schemas()}}
    wrong = best_match(Draft7Validator(whole).iter_errors(document))
    assert wrong is None, f"{wrong.json_path}: {wrong.message}"


@cache
def _schemas() -> dict[str, Any]:
    return cast("dict[str, Any]", _draft7(_load("openapi.json")["schemas"]))


@cache
def _load(name: str) -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads((PUBLISHED / name).read_text("utf-8")))


def _draft7(node: Any) -> Any:  # noqa: ANN401 a JSON schema may be any JSON
    """OpenAPI 3.0 says `nullable` where JSON Schema has a null type."""
    if isinstance(node, list):
        return [_draft7(item) for item in node]
    if not isinstance(node, dict):
        return node
    plain = {name: _draft7(item) for name, item in node.items() if name != "nullable"}
    return {"anyOf": [{"type": "null"}, plain]} if node.get("nullable") is True else plain

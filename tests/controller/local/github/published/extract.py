"""Cut the few operations and events that the local GitHub plays out of GitHub's published descriptions.

Usage, in a scratch folder:
    npm pack @octokit/openapi@23.0.2 @octokit/webhooks-schemas@7.6.1 @octokit/webhooks-examples@7.6.1
    python extract.py octokit-openapi-23.0.2.tgz octokit-webhooks-schemas-7.6.1.tgz octokit-webhooks-examples-7.6.1.tgz

It rewrites openapi.json, webhooks.json and workflow_job_example.json beside itself.
All three packages are MIT-licensed, copyright Octokit contributors (https://github.com/octokit).
"""

from __future__ import annotations

import json
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

HERE = Path(__file__).parent
OPERATIONS = (
    ("post", "/app/installations/{installation_id}/access_tokens"),
    ("get", "/app/hook/deliveries"),
    ("get", "/app/hook/deliveries/{delivery_id}"),
    ("post", "/app/hook/deliveries/{delivery_id}/attempts"),
    *(
        (method, f"{scope}/actions/runners{tail}")
        for scope in ("/repos/{owner}/{repo}", "/orgs/{org}")
        for method, tail in (
            ("post", "/generate-jitconfig"),
            ("get", ""),
            ("get", "/downloads"),
            ("get", "/{runner_id}"),
            ("delete", "/{runner_id}"),
        )
    ),
    ("get", "/repos/{owner}/{repo}/actions/runs"),
    ("get", "/repos/{owner}/{repo}/actions/runs/{run_id}"),
    ("get", "/repos/{owner}/{repo}/actions/runs/{run_id}/jobs"),
    ("get", "/repos/{owner}/{repo}/actions/runs/{run_id}/attempts/{attempt_number}"),
    ("get", "/repos/{owner}/{repo}/actions/runs/{run_id}/attempts/{attempt_number}/jobs"),
    ("get", "/repos/{owner}/{repo}/actions/runs/{run_id}/pending_deployments"),
    ("post", "/repos/{owner}/{repo}/actions/runs/{run_id}/pending_deployments"),
    ("post", "/repos/{owner}/{repo}/actions/runs/{run_id}/cancel"),
    ("post", "/repos/{owner}/{repo}/actions/runs/{run_id}/rerun"),
    ("post", "/repos/{owner}/{repo}/actions/runs/{run_id}/rerun-failed-jobs"),
    ("get", "/repos/{owner}/{repo}/actions/jobs/{job_id}"),
    ("post", "/repos/{owner}/{repo}/actions/jobs/{job_id}/rerun"),
    ("post", "/repos/{owner}/{repo}/check-runs"),
    ("get", "/repos/{owner}/{repo}/check-runs/{check_run_id}"),
    ("patch", "/repos/{owner}/{repo}/check-runs/{check_run_id}"),
    ("get", "/repos/{owner}/{repo}/commits/{ref}/check-runs"),
    ("get", "/repos/{owner}/{repo}/commits/{ref}/status"),
    ("get", "/repos/{owner}/{repo}/commits/{ref}/statuses"),
    ("post", "/repos/{owner}/{repo}/statuses/{sha}"),
    ("get", "/repos/{owner}/{repo}/contents/{path}"),
    ("get", "/repos/{owner}/{repo}"),
    ("get", "/repos/{owner}/{repo}/installation"),
    ("get", "/orgs/{org}/installation"),
    ("get", "/orgs/{org}/actions/runner-groups"),
    ("get", "/installation/repositories"),
    ("get", "/app/installations"),
    ("get", "/app/installations/{installation_id}"),
)
EVENTS = ("workflow_job$queued", "workflow_job$waiting", "workflow_job$in_progress", "workflow_job$completed")
PROSE = {"description", "title", "examples", "example", "externalDocs", "summary", "x-github", "tags"}


def main(openapi: str, schemas: str, examples: str) -> None:
    api = member(openapi, "package/generated/api.github.com.json")
    write("openapi.json", {"package": package(openapi), "operations": operations(api), "schemas": parts(api)})
    events = member(schemas, "package/schema.json")["definitions"]
    wanted = closure({name: events[name] for name in EVENTS}, "#/definitions/", events)
    write("webhooks.json", {"package": package(schemas), "definitions": lean(wanted)})
    kinds = cast("list[dict[str, Any]]", member(examples, "package/api.github.com/index.json"))
    jobs = next(kind["examples"] for kind in kinds if kind["name"] == "workflow_job")
    example = next(each for each in jobs if each["action"] == "queued" and "installation" in each)
    write("workflow_job_example.json", {"package": package(examples), "event": example})


def operations(api: dict[str, Any]) -> dict[str, Any]:
    found = {}
    for method, path in OPERATIONS:
        operation = mended(lean(api["paths"][path][method]))
        found[f"{method.upper()} {path}"] = {
            "request": schema_of(operation.get("requestBody", {})),
            "body_required": operation.get("requestBody", {}).get("required", False),
            "responses": {status: schema_of(follow(api, each)) for status, each in operation["responses"].items()},
            "query": query(api, operation),
        }
    return found


def mended(node: Any) -> Any:  # noqa: ANN401
    """With `account` as one of a user and an enterprise: an inlined copy of the description asks for both in one."""
    if isinstance(node, dict):
        either = {
            name: {"anyOf": each["allOf"]} for name, each in node.items() if name == "account" and "allOf" in each
        }
        return {name: mended(each) for name, each in {**node, **either}.items()}
    return [mended(each) for each in node] if isinstance(node, list) else node


def query(api: dict[str, Any], operation: dict[str, Any]) -> list[str]:
    parameters = [follow(api, each) for each in operation.get("parameters", [])]
    return [each["name"] for each in parameters if each["in"] == "query"]


def parts(api: dict[str, Any]) -> dict[str, Any]:
    schemas = api["components"]["schemas"]
    return cast("dict[str, Any]", lean(closure(operations(api), "#/components/schemas/", schemas, only_found=True)))


def schema_of(message: dict[str, Any]) -> Any:  # noqa: ANN401 a JSON schema may be any JSON
    return message.get("content", {}).get("application/json", {}).get("schema")


def follow(api: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        target: Any = api
        for name in node["$ref"].removeprefix("#/").split("/"):
            target = target[name]
        node = target
    return node


def closure(
    roots: dict[str, Any], prefix: str, definitions: dict[str, Any], *, only_found: bool = False
) -> dict[str, Any]:
    """The roots with everything they refer to; or only that."""
    found: dict[str, Any] = {}
    waiting = set(references(roots, prefix))
    while waiting:
        name = waiting.pop()
        found[name] = definitions[name]
        waiting |= set(references(lean(definitions[name]), prefix)) - found.keys()
    return dict(sorted((found if only_found else {**roots, **found}).items()))


def references(node: Any, prefix: str) -> Iterator[str]:  # noqa: ANN401
    if isinstance(node, dict):
        reference = node.get("$ref")
        if isinstance(reference, str) and reference.startswith(prefix):
            yield reference.removeprefix(prefix)
        for value in node.values():
            yield from references(value, prefix)
    elif isinstance(node, list):
        for value in node:
            yield from references(value, prefix)


def lean(node: Any, *, names: bool = False) -> Any:  # noqa: ANN401
    """Without prose; what stands under `properties` are names and stays."""
    if isinstance(node, dict):
        return {
            key: lean(value, names=key in ("properties", "definitions"))
            for key, value in node.items()
            if names or key not in PROSE
        }
    return [lean(item) for item in node] if isinstance(node, list) else node


def member(archive: str, name: str) -> dict[str, Any]:
    with tarfile.open(archive) as tar:
        file = tar.extractfile(name)
        if file is None:
            raise FileNotFoundError(name)
        return cast("dict[str, Any]", json.load(file))


def package(archive: str) -> str:
    about = member(archive, "package/package.json")
    return f"{about['name']} {about['version']} ({about['license']})"


def write(name: str, document: object) -> None:
    (HERE / name).write_text(json.dumps(document, indent=1, sort_keys=True) + "\n", "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])

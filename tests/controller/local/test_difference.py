"""Every difference between a function in local mode and the same function in Lambda, in one list."""

from __future__ import annotations

import ast
import dataclasses
from pathlib import Path

import pytest

import controller
from controller.local.stage import QUICK, Stage
from controller.settings import Settings, variable

pytestmark = pytest.mark.local_cloud

SET_BY_LAMBDA = {
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_TASK_ROOT",
    "LANG",
    "PATH",
    "TZ",
    "_HANDLER",
}
"""https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html"""

ENDPOINTS = {"github_api_url", "otlp_endpoint"}

DEPLOYED = {"log_group", "log_role", "archive_bucket"}
"""Settings that name a thing of the stack, and are empty where it has none."""


def test_a_functions_environment_differs_by_one_endpoint_and_by_values_of_settings(stage: Stage) -> None:
    environment = stage.cloud.environment("dispatch")

    ours = {variable(field.name) for field in dataclasses.fields(Settings)}
    assert set(environment) == ours | SET_BY_LAMBDA | {"AWS_ENDPOINT_URL"}


def test_the_settings_that_differ_from_their_defaults_are_shorter_times_and_endpoints(stage: Stage) -> None:
    settings = stage.cloud.settings

    changed = {
        field.name
        for field in dataclasses.fields(Settings)
        if field.default is not dataclasses.MISSING and getattr(settings, field.name) != field.default
    }
    assert changed <= set(QUICK) | ENDPOINTS | DEPLOYED


def test_nothing_but_the_doors_reads_the_environment() -> None:
    root = Path(controller.__file__).parent
    readers = {
        str(path.relative_to(root))
        for path in root.rglob("*.py")
        if "local" not in path.parts
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}
    }

    assert readers == {"app/claim.py", "app/operator.py", "app/stack.py", "app/webhook.py", "lambdas.py"}

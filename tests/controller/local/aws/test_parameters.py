from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from mypy_boto3_ssm import SSMClient

from controller.local.aws.parameters import Parameters
from tests.controller.local.aws.rig import Front


@pytest.fixture
def ssm(front: Callable[..., Front]) -> SSMClient:
    client: SSMClient = front({"ssm": Parameters("us-east-1").answer}).client("ssm")
    return client


def code_of(call: Callable[[], Any]) -> str:
    with pytest.raises(ClientError) as caught:
        call()
    return str(caught.value.response["Error"]["Code"])


def test_a_parameter_is_put_read_replaced_and_deleted(ssm: SSMClient) -> None:
    ssm.put_parameter(Name="/configs/linux", Value="1", Type="String")
    ssm.put_parameter(Name="/configs/linux", Value="2", Overwrite=True)

    read = ssm.get_parameter(Name="/configs/linux")["Parameter"]
    ssm.delete_parameter(Name="/configs/linux")

    assert (read["Value"], read["Version"], read["Type"]) == ("2", 2, "String")
    assert code_of(lambda: ssm.get_parameter(Name="/configs/linux")) == "ParameterNotFound"


def test_several_are_read_at_once(ssm: SSMClient) -> None:
    ssm.put_parameter(Name="a", Value="1", Type="String")

    told = ssm.get_parameters(Names=["a", "b"])

    assert [parameter["Name"] for parameter in told["Parameters"]] == ["a"]
    assert told["InvalidParameters"] == ["b"]


def test_a_path_is_read_page_by_page_and_not_deeper_than_asked(ssm: SSMClient) -> None:
    for number in range(12):
        ssm.put_parameter(Name=f"/configs/{number:02}", Value="x", Type="String")
    ssm.put_parameter(Name="/configs/deep/er", Value="x", Type="String")
    ssm.put_parameter(Name="/configsnot/this", Value="x", Type="String")

    pages = list(ssm.get_paginator("get_parameters_by_path").paginate(Path="/configs/"))
    deep = list(ssm.get_paginator("get_parameters_by_path").paginate(Path="/configs", Recursive=True))

    assert [len(page["Parameters"]) for page in pages] == [10, 2]
    assert sum(len(page["Parameters"]) for page in deep) == 13


def test_what_ssm_refuses_is_refused_with_its_codes(ssm: SSMClient) -> None:
    ssm.put_parameter(Name="a", Value="1", Type="String")

    codes = [
        code_of(lambda: ssm.put_parameter(Name="a", Value="2", Type="String")),
        code_of(lambda: ssm.put_parameter(Name="b", Value="x" * 4097, Type="String")),
        code_of(lambda: ssm.delete_parameter(Name="c")),
        code_of(ssm.describe_parameters),
    ]

    assert codes == ["ParameterAlreadyExists", "ValidationException", "ParameterNotFound", "UnknownOperationException"]

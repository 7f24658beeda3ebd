from __future__ import annotations

from tests.infra.deployed import Deployed
from tests.infra.plan import plan


def test_a_linter_sees_every_resource_of_aws_with_its_inputs_in_terraforms_words(stack: Deployed) -> None:
    resources = {one["address"]: one["values"] for one in plan(stack)["planned_values"]["root_module"]["resources"]}

    assert len(resources) == len([one for one in stack.resources if one.type.startswith("aws:")])
    assert resources["aws_lambda_function.claim"]["runtime"] == "python3.13"
    assert resources["aws_vpc.vpc"]["cidr_block"] == "10.80.0.0/16"
    (template,) = resources["aws_launch_template.linux-x64"]["metadata_options"]
    assert template["http_tokens"] == "required"
    (rule,) = resources["aws_s3_bucket_lifecycle_configuration.cache"]["rule"]
    assert rule["abort_incomplete_multipart_upload"] == [{"days_after_initiation": 1}]


def test_it_sees_which_resources_belong_together(stack: Deployed) -> None:
    configured = {
        one["address"]: one["expressions"] for one in plan(stack)["configuration"]["root_module"]["resources"]
    }

    closing = configured["aws_s3_bucket_public_access_block.cache"]["bucket"]
    assert closing == {"references": ["aws_s3_bucket.cache.id", "aws_s3_bucket.cache"]}

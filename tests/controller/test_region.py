from __future__ import annotations

import pytest

from controller.region import Place


@pytest.mark.parametrize(
    ("region", "partition", "domain"),
    [
        ("us-east-1", "aws", "amazonaws.com"),
        ("cn-north-1", "aws-cn", "amazonaws.com.cn"),
        ("us-gov-west-1", "aws-us-gov", "amazonaws.com"),
    ],
)
def test_a_region_belongs_to_a_partition(region: str, partition: str, domain: str) -> None:
    place = Place(region, "123456789012")

    arn = place.arn("sqs", "jobs")

    assert arn == f"arn:{partition}:sqs:{region}:123456789012:jobs"
    assert place.domain == domain


def test_three_zones_are_known_where_every_account_has_the_same() -> None:
    names = {region: Place(region, "1").zones() for region in ("eu-west-1", "ap-northeast-1", "us-west-1")}

    assert names["eu-west-1"] == ("eu-west-1a", "eu-west-1b", "eu-west-1c")
    assert names["ap-northeast-1"] == ("ap-northeast-1a", "ap-northeast-1c", "ap-northeast-1d")
    assert names["us-west-1"] == ()

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.local.aws.event_patterns import InvalidEventPattern, matches

STATE_CHANGE = {
    "version": "0",
    "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
    "detail-type": "EC2 Instance State-change Notification",
    "source": "aws.ec2",
    "account": "111122223333",
    "time": "2017-12-22T18:43:48Z",
    "region": "us-west-1",
    "resources": ["arn:aws:ec2:us-west-1:123456789012:instance/i-1234567890abcdef0"],
    "detail": {"instance-id": "i-1234567890abcdef0", "state": "terminated"},
}


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        (
            {
                "source": ["aws.ec2"],
                "detail-type": ["EC2 Instance State-change Notification"],
                "detail": {"state": ["terminated"]},
            },
            True,
        ),
        ({"source": ["aws.ec2"], "detail": {"state": ["pending", "running"]}}, False),
        ({"time": [{"prefix": "2017-12-22"}]}, True),
        ({"region": [{"prefix": "us-"}], "detail": {"state": [{"anything-but": "initializing"}]}}, True),
        ({"detail": {"state": [{"anything-but": ["stopped", "terminated"]}]}}, False),
        ({"resources": [{"suffix": "/i-1234567890abcdef0"}]}, True),
        ({"account": [111122223333]}, False),
        ({"source": ["aws.ec2", "aws.fargate"], "nowhere": [{"exists": False}]}, True),
        ({"detail": {"nowhere": {"deep": [{"exists": False}]}}}, True),
        ({"$or": [{"source": ["aws.s3"]}, {"detail": {"state": ["terminated"]}}]}, True),
        ({"$or": [{"source": ["aws.s3"]}, {"region": ["us-east-1"]}]}, False),
    ],
)
def test_an_ec2_event_is_selected_as_the_user_guide_has_it(pattern: Mapping[str, Any], fits: bool) -> None:  # noqa: FBT001 - a column of the table
    assert matches(pattern, STATE_CHANGE) is fits


@pytest.mark.parametrize(
    ("matcher", "fitting", "others"),
    [
        ("Alice", ["Alice"], ["alice", "Alices", None]),
        ("", [""], [" ", None]),
        (None, [None], ["", 0, False]),
        (True, [True], [1, "true"]),
        (100, [100], ["100", 101]),
        ({"prefix": "2017-10-02"}, ["2017-10-02T18:43:48Z"], ["2017-10-03", 2017]),
        ({"prefix": {"equals-ignore-case": "EventB"}}, ["eventbridge", "EVENTBridge"], ["bridge"]),
        ({"suffix": ".png"}, ["a.png", ".png"], ["a.PNG", "png"]),
        ({"suffix": {"equals-ignore-case": ".png"}}, ["a.png", "a.PNG"], ["a.jpg"]),
        ({"equals-ignore-case": "alice"}, ["Alice", "ALICE", "alice"], ["Alicia", 1]),
        ({"anything-but": "initializing"}, ["running", "INITIALIZING", 5], ["initializing"]),
        ({"anything-but": 123}, [124, "123"], [123]),
        ({"anything-but": ["stopped", "overloaded"]}, ["running"], ["stopped", "overloaded"]),
        ({"anything-but": [100, 200, 300]}, [400], [100, 300]),
        ({"anything-but": {"prefix": "init"}}, ["running"], ["initializing"]),
        ({"anything-but": {"prefix": ["init", "stop"]}}, ["running"], ["initializing", "stopped"]),
        ({"anything-but": {"suffix": ".txt"}}, ["a.png"], ["a.txt"]),
        ({"anything-but": {"suffix": [".txt", ".rtf"]}}, ["a.png"], ["a.txt", "a.rtf"]),
        ({"anything-but": {"equals-ignore-case": "initializing"}}, ["running"], ["INITIALIZING", "Initializing"]),
        (
            {"anything-but": {"equals-ignore-case": ["initializing", "stopped"]}},
            ["running"],
            ["INITIALIZING", "sTOPPED"],
        ),
        ({"anything-but": {"wildcard": "*/lib/*"}}, ["/usr/bin/x"], ["/usr/lib/x"]),
        ({"anything-but": {"wildcard": ["*/lib/*", "*/bin/*"]}}, ["/etc/x"], ["/usr/lib/x", "/usr/bin/x"]),
        ({"numeric": ["=", 301.8]}, [301.8], [301, "301.8"]),
        ({"numeric": [">", 0, "<=", 5]}, [1, 5, 0.5], [0, 5.1, -1, True]),
        ({"numeric": ["<", 10]}, [9], [10]),
        ({"numeric": [">=", 10]}, [10], [9]),
        ({"cidr": "10.0.0.0/24"}, ["10.0.0.0", "10.0.0.255"], ["10.0.1.0", "ten", 10]),
        ({"cidr": "2001:db8::/32"}, ["2001:db8::1"], ["2001:db9::1", "10.0.0.1"]),
        ({"wildcard": "dir/*.png"}, ["dir/a.png", "dir/sub/.png"], ["a.png", "dir/a.pngx"]),
        ({"wildcard": "arn:*:s3:::*"}, ["arn:aws:s3:::b"], ["arn:aws:sqs:::b"]),
        ({"wildcard": r"a\*b"}, ["a*b"], ["axb"]),
        ({"wildcard": r"a\\*"}, ["a\\b"], ["a*"]),
        ({"exists": True}, ["", 0, False, None], []),
    ],
    ids=json.dumps,
)
def test_each_comparison_does_what_it_says(matcher: object, fitting: list[Any], others: list[Any]) -> None:
    pattern = {"detail": {"field": [matcher]}}

    assert [value for value in fitting if not matches(pattern, {"detail": {"field": value}})] == []
    assert [value for value in others if matches(pattern, {"detail": {"field": value}})] == []


@pytest.mark.parametrize("matcher", [{"anything-but": "x"}, {"prefix": ""}, {"exists": True}, {"wildcard": "*"}, None])
def test_a_field_that_is_not_there_has_no_value_to_compare(matcher: object) -> None:
    assert not matches({"field": [matcher]}, {"other": 1})


def test_existence_is_asked_of_leaves_only() -> None:
    assert not matches({"detail": [{"exists": True}]}, STATE_CHANGE)
    assert matches({"detail": [{"exists": False}]}, STATE_CHANGE)


def test_of_an_array_one_value_is_enough() -> None:
    event = {"resources": ["arn:one", "arn:two"]}

    assert matches({"resources": ["arn:two"]}, event)
    assert not matches({"resources": ["arn:three"]}, event)


def test_all_fields_of_an_or_and_its_neighbours_count() -> None:
    pattern = {
        "source": ["aws.cloudwatch"],
        "$or": [
            {"c-count": [{"numeric": [">", 0, "<=", 5]}]},
            {"d-count": [{"numeric": ["<", 10]}]},
            {"x-limit": [{"numeric": ["=", 3.018e2]}]},
        ],
    }

    assert matches(pattern, {"source": "aws.cloudwatch", "x-limit": 301.8})
    assert matches(pattern, {"source": "aws.cloudwatch", "c-count": 9, "d-count": 9})
    assert not matches(pattern, {"source": "aws.cloudwatch", "c-count": 9, "d-count": 10})
    assert not matches(pattern, {"source": "aws.sqs", "d-count": 9})


def test_one_object_of_an_array_must_have_it_all() -> None:
    pattern = {"items": {"name": ["a"], "size": [2]}}

    assert matches(pattern, {"items": [{"name": "b", "size": 1}, {"name": "a", "size": 2}]})
    assert not matches(pattern, {"items": [{"name": "a", "size": 1}, {"name": "b", "size": 2}]})


@pytest.mark.parametrize(
    "pattern",
    [
        {},
        {"source": "aws.ec2"},
        {"source": []},
        {"source": [{"prefix": "a", "suffix": "b"}]},
        {"source": [{"starts-with": "a"}]},
        {"source": [{"prefix": 1}]},
        {"source": [{"exists": "yes"}]},
        {"source": [{"cidr": "everywhere"}]},
        {"source": [{"numeric": [">"]}]},
        {"source": [{"numeric": ["~", 1]}]},
        {"source": [{"numeric": ["<", 6e9]}]},
        {"source": [{"wildcard": "a**b"}]},
        {"source": [{"anything-but": {"numeric": ["=", 1]}}]},
    ],
    ids=json.dumps,
)
def test_what_is_no_pattern_is_refused_whatever_the_event(pattern: dict[str, Any]) -> None:
    with pytest.raises(InvalidEventPattern):
        matches(pattern, {})


@given(st.dictionaries(st.text(min_size=1), st.text() | st.integers() | st.booleans() | st.none(), min_size=1))
def test_an_event_fits_the_pattern_made_of_it(event: dict[str, Any]) -> None:
    assert matches(
        {name: [value] for name, value in event.items() if name != "$or"} or {"x": [{"exists": False}]}, event
    )

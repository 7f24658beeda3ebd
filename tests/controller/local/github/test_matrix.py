from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.local.github.expressions import Value
from controller.local.github.matrix import MatrixError, expand, suffix

AXES = st.dictionaries(
    st.sampled_from(["os", "python", "suite"]),
    st.lists(st.integers(0, 5), min_size=1, max_size=3, unique=True),
    min_size=1,
)


def test_axes_multiply_in_the_order_they_are_written() -> None:
    combinations = expand({"os": ["a", "b"], "python": [10, 12]})

    assert combinations == [
        {"os": "a", "python": 10},
        {"os": "a", "python": 12},
        {"os": "b", "python": 10},
        {"os": "b", "python": 12},
    ]


def test_include_does_what_githubs_example_shows() -> None:
    combinations = expand(
        {
            "fruit": ["apple", "pear"],
            "animal": ["cat", "dog"],
            "include": [
                {"color": "green"},
                {"color": "pink", "animal": "cat"},
                {"fruit": "apple", "shape": "circle"},
                {"fruit": "banana"},
                {"fruit": "banana", "animal": "cat"},
            ],
        }
    )

    assert combinations == [
        {"fruit": "apple", "animal": "cat", "color": "pink", "shape": "circle"},
        {"fruit": "apple", "animal": "dog", "color": "green", "shape": "circle"},
        {"fruit": "pear", "animal": "cat", "color": "pink"},
        {"fruit": "pear", "animal": "dog", "color": "green"},
        {"fruit": "banana"},
        {"fruit": "banana", "animal": "cat"},
    ]


def test_include_alone_makes_the_jobs() -> None:
    combinations = expand({"include": [{"site": "production"}, {"site": "staging"}]})

    assert combinations == [{"site": "production"}, {"site": "staging"}]


def test_exclude_takes_partial_matches_before_include_adds() -> None:
    combinations = expand(
        {
            "os": ["mac", "windows"],
            "version": [12, 14],
            "environment": ["staging", "production"],
            "exclude": [
                {"os": "mac", "version": 12, "environment": "production"},
                {"os": "windows", "version": 14},
            ],
            "include": [{"os": "windows", "version": 14, "environment": "lab"}],
        }
    )

    assert len(combinations) == 6
    assert combinations[-1] == {"os": "windows", "version": 14, "environment": "lab"}


@pytest.mark.parametrize(
    "matrix",
    [
        {},
        {"os": []},
        {"os": "linux"},
        {"os": ["a"], "exclude": [{"os": "a"}]},
        {"n": list(range(257))},
        {"os": ["a"], "include": ["b"]},
    ],
)
def test_a_matrix_github_refuses_is_refused(matrix: dict[str, Value]) -> None:
    with pytest.raises(MatrixError):
        expand(matrix)


def test_the_name_of_a_job_ends_in_its_values() -> None:
    assert suffix({"os": "linux", "python": 3.12, "nested": {"a": [1, True]}}) == " (linux, 3.12, 1, true)"
    assert suffix({}) == ""


@given(AXES)
def test_every_combination_appears_once(axes: dict[str, list[int]]) -> None:
    combinations = expand({name: list(values) for name, values in axes.items()})

    distinct = {tuple(each.items()) for each in combinations}
    expected = 1
    for values in axes.values():
        expected *= len(values)
    assert len(distinct) == len(combinations) == expected


@given(AXES, st.data())
def test_excluding_a_combination_removes_just_that_one(axes: dict[str, list[int]], data: st.DataObject) -> None:
    matrix: dict[str, Value] = {name: list(values) for name, values in axes.items()}
    every = expand({**matrix, "extra": [0, 1]})
    victim = data.draw(st.sampled_from(every))

    left = expand({**matrix, "extra": [0, 1], "exclude": [victim]})

    assert left == [each for each in every if each != victim]

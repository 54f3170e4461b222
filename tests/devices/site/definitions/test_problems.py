"""Problems as people read them."""

import pickle

import pytest
from plcmq.devices.site.definitions.problems import Problem, SiteError, nearest, path_text, suggestion


def test_a_problem_names_file_line_and_path():
    problem = Problem(("devices", 3, "link", "timeout"), "must be above 0", 12, "site.yaml")
    assert str(problem) == "site.yaml:12: devices[3].link.timeout: must be above 0"


def test_without_a_file_it_names_the_path_alone():
    assert str(Problem(("profiles", "press"), "is missing")) == "profiles.press: is missing"
    assert path_text(()) == ""


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("int17", "; did you mean `int16`?"), ("INT16", "; did you mean `int16`?"), ("x", "")],
)
def test_the_nearest_name_is_suggested_where_one_is_near(wrong, right):
    assert suggestion(wrong, ["int16", "float64"]) == right


def test_an_error_goes_through_pickle_with_its_problems():
    error = SiteError([Problem(("a",), "b"), Problem(("c",), "d", 2, "f")])
    assert pickle.loads(pickle.dumps(error)).problems == error.problems


def test_of_ten_thousand_names_the_nearest_is_found_too():
    names = [*(f"m{number}" for number in range(10_000)), "machine-9999"]
    assert nearest("machine-09999", names) == "machine-9999"

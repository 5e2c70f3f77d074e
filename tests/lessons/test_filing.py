"""Filing an error in this course: a sentence, a program, and an address that holds both."""

from urllib.parse import parse_qs, urlsplit

import pytest

from course import CourseError
from course.lessons import file_error


def doubled() -> bool:
    """One of many trials."""
    return 2 + 2 == 5


GIVEN = {"chapter": "3_01_forward", "says": "2 + 2 is 5.", "true": "It is 4.", "holds": doubled}


def test_the_address_holds_the_sentence_the_truth_and_the_program():
    filed = file_error(**GIVEN)
    asked = parse_qs(urlsplit(filed.address).query)
    assert urlsplit(filed.address).path.endswith("/issues/new")
    assert asked["title"] == ["3_01_forward: 2 + 2 is 5."]
    for part in ("2 + 2 is 5.", "It is 4.", "def doubled", "2 + 2 == 5", "course 0."):
        assert part in asked["body"][0] and part in repr(filed)
    assert filed.address in filed._repr_markdown_()


def test_a_function_without_source_is_named():
    made: dict = {}
    exec("def gone(): return False", made)
    assert "gone: no source" in file_error(**GIVEN | {"holds": made["gone"]}).body


@pytest.mark.parametrize(
    "change, words",
    [
        ({"chapter": "9_9"}, "chapter = '9_9' is unknown. Allowed: '00_start_here'"),
        ({"says": "  "}, "says = '  '; allowed: a sentence"),
        ({"true": None}, "true = None; allowed: a sentence"),
        ({"holds": False}, "holds = False; allowed: a function"),
        ({"holds": lambda: None}, r"holds\(\) = None; allowed: True or False"),
        ({"holds": lambda: True}, "a sentence that holds is no error"),
        ({"true": "It is 4. " * 600}, r"characters; allowed: 4,000; write a shorter"),
    ],
)
def test_what_cannot_be_filed_is_refused_in_one_sentence(change, words):
    with pytest.raises(CourseError, match=words) as refused:
        file_error(**GIVEN | change)
    assert "\n" not in str(refused.value)

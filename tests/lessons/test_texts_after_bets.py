"""The texts that wait for a bet: found by chapter and title, and fit for a page without scripts."""

import re
import subprocess
import sys

import pytest

from course import CourseError
from course.lessons.contents import ROUTE
from course.lessons.texts_after_bets import FOLDER, read_text, texts

PATHS = sorted(FOLDER.glob("*.md"))


def test_every_chapter_has_texts_and_every_file_is_a_chapters():
    assert [path.stem for path in PATHS] == sorted(chapter.file for chapter in ROUTE)


@pytest.mark.parametrize("path", PATHS, ids=lambda p: p.stem)
def test_a_file_is_its_texts_in_order(path):
    found = texts(path.stem)
    parts = [f"# {title}\n\n{text}\n" for title, text in found.items()]
    assert "\n".join(parts) == path.read_text("utf-8"), "no text is lost, none has a title twice"
    for title, text in found.items():
        assert read_text(path.stem, title) == text and text
        assert "$" not in text + title, "without a kernel nothing typesets it"


def test_an_unknown_chapter_or_title_is_refused():
    with pytest.raises(CourseError, match="chapter = '3_99' is unknown. Allowed: '00_start_here'"):
        read_text("3_99", "What came out")
    with pytest.raises(CourseError, match="title = 'Else' is unknown. Allowed: 'What came out'"):
        read_text("3_05_clipping", "Else")


@pytest.mark.parametrize("path", PATHS, ids=lambda p: p.stem)
def test_no_measured_number_is_typed_into_a_text(path):
    typed = re.findall(r"(?<![\d.])\d+\.\d+(?![\d.]*\d)", path.read_text("utf-8"))
    known = {"100.1"}  # part of a formula
    measured = {n for n in typed if len(n.replace(".", "").lstrip("0")) >= 3}
    assert measured <= known


def test_the_words_are_spelled_well():
    command = [sys.executable, "-m", "codespell_lib", *map(str, PATHS)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout

"""Outputs are cleaned, compared by what they mean, and stored only if that changed."""

import json

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output
from publishing_helpers import run, stream, with_outputs

from course.publishing import outputs
from course.publishing.outputs import clean, differences, merge_streams


def test_pieces_of_printed_text_are_joined_between_displays():
    picture = new_output("display_data", {"image/png": "x"})
    pieces = [("stderr", "b"), ("stdout", "1"), ("stderr", "c"), ("stdout", "2")]
    parts = [stream(*p) for p in pieces] + [picture] + [stream(*p) for p in pieces]
    outcome = merge_streams(parts)
    assert [o.get("text") for o in outcome] == ["12", "bc", None, "12", "bc"]
    assert [o.get("name") for o in outcome[:2]] == ["stdout", "stderr"]


def test_clean_keeps_nothing_that_differs_from_run_to_run():
    notebook = with_outputs(new_output("display_data", {outputs.WIDGET: {}, "text/plain": "s"}))
    notebook.metadata.update(papermill={}, widgets={}, language_info={"version": "3.11.7"})
    notebook.cells[0].metadata.update(papermill={}, execution={}, tags=[])
    clean(notebook)
    assert "papermill" not in json.dumps(notebook) and "3.11.7" not in json.dumps(notebook)
    assert notebook.cells[0].metadata == {}
    assert notebook.cells[0].outputs[0].data == {"text/plain": "s"}


def test_a_cell_keeps_its_id_when_an_author_puts_one_before_it():
    cells = [new_code_cell(text, id=f"cell-{n}") for n, text in enumerate("abc")]
    notebook = new_notebook(cells=cells)
    notebook.cells.insert(1, new_code_cell("new"))
    notebook.cells.insert(2, nbformat.from_dict(notebook.cells[2]))  # a copy, id and all
    notebook.cells[1].id = "not valid!"
    clean(notebook)
    names = [(cell.source, cell.id) for cell in notebook.cells]
    assert names == [
        ("a", "cell-0"), ("new", "cell-3"), ("b", "cell-1"), ("b", "cell-4"), ("c", "cell-2"),
    ]  # fmt: skip
    clean(notebook)
    assert [(cell.source, cell.id) for cell in notebook.cells] == names
    notebook.cells[0].metadata.tags = ["injected-parameters"]  # papermill's id is random
    notebook.cells[0].id = "by-chance"
    clean(notebook)
    assert notebook.cells[0].id == "cell-0"


@pytest.mark.parametrize(
    "was, now, words",
    [
        ([stream("stdout", "a")], [stream("stderr", "a")], "went to stdout"),
        ([stream("stdout", "a\nb")], [stream("stdout", "a")], "had 2 lines, now 1"),
        ([stream("stdout", "a")], [], "had 1 outputs, now has 0"),
        ([stream("stdout", "a")], [new_output("display_data", {"a/b": "x"})], "type stream"),
        (
            [new_output("display_data", {"a/b": "x"})],
            [new_output("display_data", {"a/b": "x", "c/d": "y"})],
            "c/d was not there before",
        ),
        (
            [new_output("display_data", {"a/b": "x"}, metadata={"alt": "one"})],
            [new_output("display_data", {"a/b": "x"}, metadata={"alt": "two"})],
            "metadata",
        ),
        ([stream("stdout", "a"), stream("stdout", "b")], [stream("stdout", "ab")], None),
    ],
)
def test_every_difference_is_seen(was, now, words):
    descriptions = differences(with_outputs(*was), with_outputs(*now))
    assert descriptions == [] if words is None else words in descriptions[0]


NOISY = """
import os
print("loss 0.500001, residual", 1e-17 * int.from_bytes(os.urandom(1)))
"""


def test_an_output_that_means_the_same_keeps_its_bytes(make, capsys):
    path = make("noisy", "seed = 3", NOISY, "import time; print(time.perf_counter(), 's')",
                tags=["volatile"])  # fmt: skip
    assert run("noisy") == 0
    first, changed = path.read_bytes(), path.stat().st_mtime_ns
    for _ in range(2):
        assert run("noisy") == 0
    assert path.read_bytes() == first and path.stat().st_mtime_ns == changed
    assert run("noisy", "--renew") == 0
    assert path.read_bytes() != first


def test_only_the_output_whose_meaning_changed_is_stored(make):
    path = make("two", "seed = 3", NOISY, "print(7 * seed)")
    assert run("two") == 0
    before = nbformat.read(path, 4)
    path.write_text(path.read_text().replace('"21\\n"', '"22\\n"'))
    assert run("two") == 0
    assert nbformat.read(path, 4) == before
    path.write_text(path.read_text().replace("0.500001", "0.6"))  # source and output differ
    assert run("two") == 0
    assert nbformat.read(path, 4).cells[2].outputs[0].text.startswith("loss 0.6,")


def test_words_in_a_volatile_cell_must_hold(make, capsys):
    path = make("timed", "seed = 3", "print(17, 'ms')", tags=["volatile"])
    assert run("timed") == 0
    path.write_text(path.read_text().replace("17 ms", "99 ms"))
    assert run("timed", "--check") == 0
    path.write_text(path.read_text().replace("99 ms", "99 days"))
    assert run("timed", "--check") == 1


def test_a_chaotic_cell_has_the_room_that_it_asks_for(make, capsys):
    path = make("chaos", "seed = 3", "print('loss', 2.0)")
    assert run("chaos") == 0
    path.write_text(path.read_text().replace("loss 2.0", "loss 2.3"))
    assert run("chaos", "--check") == 1
    notebook = nbformat.read(path, 4)
    notebook.cells[-1].metadata["course"] = {"tolerance": 0.2, "reason": "a test"}
    nbformat.write(notebook, path)
    assert run("chaos", "--check") == 0
    path.write_text(path.read_text().replace("loss 2.3", "loss 2.6"))
    assert run("chaos", "--check") == 1

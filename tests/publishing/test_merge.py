"""A learner's notebook and a newer release become one; nothing that the learner wrote is lost."""

import json
import subprocess
from copy import deepcopy

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course.publishing.merge import merge, merge_cells

DO = ("edit", "add", "delete", "move", "copy", "run")
places = st.integers(0, 9)
actions = st.lists(st.tuples(st.sampled_from(DO), places, places), max_size=6)
texts = st.lists(st.sampled_from(["", "a", "b", "c", "d", "lab.close()"]), max_size=7)
many = settings(max_examples=200, deadline=None, derandomize=True)


def code(source, id):
    return {
        "cell_type": "code", "source": source, "id": id, "metadata": {}, "outputs": [],
        "execution_count": None,
    }  # fmt: skip


def output(text):
    return {"output_type": "stream", "name": "stdout", "text": text}


def prose(source, id):
    return {"cell_type": "markdown", "source": source, "id": id, "metadata": {}}


def cells(names, who="c"):
    """Cells with these texts, and ids that follow from the texts."""
    return [code(name, who + name) for name in names]


def work(base, todo, who):
    """A copy of `base` in which `who` did something; every new text and id has that name in it."""
    result = deepcopy(base)
    for number, (what, one, two) in enumerate(todo):
        if what == "add":
            cell = prose(f"{who} {number}", f"{who}-{number}")
            result.insert(one % (len(result) + 1), cell)
        elif result:
            at = one % len(result)
            cell = result[at]
            if what == "edit":
                cell["source"] = f"{who} {number}"
            elif what == "copy":
                result.insert(two % (len(result) + 1), deepcopy(cell) | {"id": f"{who}-{number}"})
            elif what == "run" and cell["cell_type"] == "code":
                cell |= {"execution_count": number, "outputs": [output(f"{who} {number}")]}
            elif what in ("delete", "move"):
                del result[at]
                if what == "move":
                    result.insert(two % (len(result) + 1), cell)
    return result


def no_copy(todo):
    return [action for action in todo if action[0] != "copy"]


def text_of(part):
    return [(cell["cell_type"], cell["source"]) for cell in part]


def written(part, who):
    return [cell["source"] for cell in part if cell["source"].startswith(who)]


def assert_valid(part):
    nbformat.validate(notebook(deepcopy(part)))
    assert len({cell["id"] for cell in part}) == len(part)


def without_ids(part):
    return [{k: v for k, v in cell.items() if k != "id"} for cell in part]


def counted_anew(part):
    return [cell | {"id": f"cell-{n}"} for n, cell in enumerate(part)]


@many
@given(texts, actions)
def test_what_one_side_changed_stands(names, todo):
    base = counted_anew(cells(names))
    mine, new = work(base, todo, "mine"), work(base, todo, "new")
    for three, stands in (((base, mine, base), mine), ((base, base, new), new)):
        result, clashes = merge_cells(*three)
        assert text_of(result) == text_of(stands) and clashes == 0
        if todo == no_copy(todo):
            assert result == stands, "ids, outputs and all"
    assert merge_cells(base, new, new) == (new, 0), "the same on both sides"


@many
@given(texts, actions)
def test_the_release_stands_even_if_it_counts_its_ids_anew(names, todo):
    base = counted_anew(cells(names))
    new = counted_anew(work(base, todo, "new"))
    result, clashes = merge_cells(base, base, new)
    assert text_of(result) == text_of(new) and clashes == 0
    assert merge_cells(base, without_ids(base), new) == (result, 0), "a tool has dropped all ids"


@many
@given(texts, actions, actions, st.sampled_from(["ids", "mine without", "new counted anew"]))
def test_nothing_that_the_learner_wrote_is_lost(names, my_todo, new_todo, kind):
    base = counted_anew(cells(names))
    mine, new = work(base, my_todo, "mine"), work(base, new_todo, "new")
    mine = without_ids(mine) if kind == "mine without" else mine
    new = counted_anew(new) if kind == "new counted anew" else new
    before = deepcopy((base, mine, new))
    result, clashes = merge_cells(base, mine, new)
    assert (base, mine, new) == before, "the merge leaves its arguments alone"
    assert_valid(result)
    assert written(result, "mine") == written(mine, "mine"), "each, once, in the learner's order"
    again, same_clashes = merge_cells(new, result, new)
    assert text_of(again) == text_of(result) and same_clashes == 0, "a second one changes nothing"


@many
@given(texts, actions, actions)
def test_what_the_learner_left_alone_is_renewed(names, my_todo, new_todo):
    """The referee is the definition, cell by cell, by the id that both sides kept."""
    base = [code(f"{name} {n}", f"cell-{n}") for n, name in enumerate(names)]
    mine, new = work(base, no_copy(my_todo), "mine"), work(base, no_copy(new_todo), "new")
    result, clashes = merge_cells(base, mine, new)
    a, b, c, m = ({cell["id"]: cell for cell in part} for part in (base, mine, new, result))
    clashed = 0
    for name, old in a.items():
        texts = [part[name]["source"] if name in part else None for part in (b, c)]
        edited, renewed = (text != old["source"] for text in texts)
        stands = texts[0] if edited else texts[1]
        assert (m[name]["source"] if name in m else None) == stands
        clashed += edited and renewed and texts[1] is not None
        if stands is None:
            continue
        ran = not edited and not renewed and b[name]["outputs"] != old["outputs"]
        assert m[name]["outputs"] == (b if edited or ran else c)[name]["outputs"]
    assert clashes == clashed
    assert written([c for c in result if c["id"] not in a], "new") == written(
        [c for c in new if c["id"] not in a], "new"
    )


@many
@given(texts, actions, actions)
def test_a_merge_that_was_not_recorded_can_be_made_again(names, my_todo, new_todo):
    """Copies aside: where the original was deleted, a copy looks like it."""
    base = counted_anew(cells(names))
    mine, new = work(base, no_copy(my_todo), "mine"), work(base, no_copy(new_todo), "new")
    result, _ = merge_cells(base, mine, new)
    again, _ = merge_cells(base, result, new)
    assert text_of(again) == text_of(result)


def merged(base, mine, new):
    result, clashes = merge_cells(cells(base), cells(mine), cells(new))
    return "".join(cell["source"] for cell in result), clashes


def test_separate_changes_merge_as_git_merges_lines(tmp_path):
    base, mine, new = "abcdefgh", "abXcdefgh", "abcdefYh"
    for name, text in (("base", base), ("mine", mine), ("new", new)):
        (tmp_path / name).write_text("\n".join(text) + "\n")
    command = ["git", "merge-file", "-p", "mine", "base", "new"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True)
    assert merged(base, mine, new)[0] == done.stdout.replace("\n", "") == "abXcdefYh"


@pytest.mark.parametrize(
    "base, mine, new, stands",
    [
        ("abc", "aXbc", "abcY", "aXbcY"),
        ("abc", "abXc", "abYc", "abXYc"),  # the learner's note stays with its cell
        ("abc", "Xabc", "Yabc", "XYabc"),
        ("abc", "abcX", "abcYZ", "abcXYZ"),
        ("abc", "aXc", "abYc", "aXYc"),  # the predecessor was deleted
        ("abcd", "abXcd", "acd", "aXcd"),
        ("abcd", "abcdX", "cdab", "cdXab"),  # the release moved two cells
        ("abcd", "dabc", "abcYd", "dabcY"),  # the learner moved one
        ("abcd", "badc", "cdab", "badc"),  # both moved: the learner's order
    ],
)
def test_where_cells_go(base, mine, new, stands):
    assert merged(base, mine, new) == (stands, 0)


def test_a_move_that_would_reorder_what_the_learner_wrote_is_left_out():
    assert merged("abcd", "aXbcYd", "cdab") == ("aXbcYd", 0)


def notebook(part, **metadata):
    whole = {"cells": part, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    return nbformat.from_dict(whole)


def as_bytes(whole):
    return nbformat.v4.writes(whole).encode() + b"\n"


def kernel(name):
    return {"name": name, "display_name": name}


def three():
    base = notebook(cells("abcd"), kernelspec=kernel("p"), x=1)
    mine, new = deepcopy(base), deepcopy(base)
    mine.cells[1].source, new.cells[2].source = "mine", "new"
    return base, mine, new


def read(content):
    result = nbformat.reads(content.decode(), as_version=4)
    nbformat.validate(result)
    return result


def test_metadata_is_merged_key_by_key():
    base, mine, new = three()
    mine.metadata.update(kernelspec=kernel("own"), note="mine")
    new.metadata.update(kernelspec=kernel("new"), more="new")
    del new.metadata["x"]
    mine.cells[0].metadata.update(collapsed=True)
    new.cells[0].metadata.update(tags=["volatile"])
    new.cells[0].outputs = [nbformat.from_dict(output("fresh"))]
    result = read(merge(*map(as_bytes, (base, mine, new)))[0])
    assert result.metadata == {"kernelspec": kernel("own"), "note": "mine", "more": "new"}
    assert result.cells[0].metadata == {"collapsed": True, "tags": ["volatile"]}
    assert result.cells[0].outputs == new.cells[0].outputs, "not run by the learner: the fresh ones"
    assert [c.source for c in result.cells] == ["a", "mine", "new", "d"]


def test_attachments_are_part_of_a_cell():
    base, mine, new = three()
    picture = {"p.png": {"image/png": "AAAA"}}
    for whole in (base, mine, new):
        whole.cells[3] = nbformat.from_dict(prose("d", "cd"))
    mine.cells[3].attachments = picture
    new.cells[3].source = "new"
    content, clashes = merge(*map(as_bytes, (base, mine, new)))
    assert read(content).cells[3].attachments == picture and clashes == 1


def as_written_elsewhere(content):
    """As other programs write it: other order and indent, whole texts, CRLF, a BOM, no ids."""
    raw = json.loads(content)
    raw["nbformat_minor"] = 4
    for cell in raw["cells"]:
        del cell["id"]
        cell["source"] = "".join(cell["source"]).replace("\n", "\r\n")
    text = json.dumps(dict(reversed(raw.items())), indent=4)
    return b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode()


def test_how_the_file_is_written_does_not_matter():
    base, mine, new = three()
    base.cells[0].source = mine.cells[0].source = "two\nlines"
    new.cells[0].source = "two\nlines, renewed"
    content, clashes = merge(as_bytes(base), as_written_elsewhere(as_bytes(mine)), as_bytes(new))
    result = read(content)
    assert [c.source for c in result.cells] == ["two\nlines, renewed", "mine", "new", "d"]
    assert clashes == 0 and result.nbformat_minor == 5
    assert [c.id for c in result.cells] == ["ca", "own-0", "cc", "cd"]


def test_an_edited_cell_is_found_though_the_ids_were_counted_anew():
    base = counted_anew(cells("abcd"))
    mine = [cell | {"source": "mine"} if cell["source"] == "c" else cell for cell in base]
    result, clashes = merge_cells(base, mine, counted_anew(cells("aXbcd")))
    assert [c["source"] for c in result] == ["a", "X", "b", "mine", "d"] and clashes == 0
    again, clashes = merge_cells(counted_anew(cells("aXbcd")), result, counted_anew(cells("aXbYd")))
    assert text_of(again) == text_of(result) and clashes == 1, "its new id is known from then on"


def test_an_own_cell_leaves_its_id_to_a_cell_of_the_release():
    base, mine, new = cells("ab"), cells("ab"), cells("ab")
    mine.append(code("mine", "cell-2"))
    new.append(code("new", "cell-2"))
    result, _ = merge_cells(base, mine, new)
    assert [(c["source"], c["id"]) for c in result][2:] == [("mine", "own-0"), ("new", "cell-2")]


def test_an_unchanged_release_writes_the_very_bytes():
    base, _, new = map(as_bytes, three())
    assert merge(base, base, new) == (new, 0)


@pytest.mark.parametrize(
    "mine",
    [b"", b"{ not json", b"[]", b"{}", b'{"cells": 1}', b"\xff", b"[" * 100_000, b'{"nbformat": 3}',
     b'{"cells": [1], "nbformat": 4, "nbformat_minor": 5, "metadata": {}}'],
)  # fmt: skip
def test_what_is_not_a_notebook_is_refused(mine):
    base, _, new = map(as_bytes, three())
    for given_three in ((base, mine, new), (mine, base, new), (base, new, mine)):
        with pytest.raises(ValueError):
            merge(*given_three)


def test_another_notebook_under_the_same_name_is_refused():
    base, _, new = three()
    with pytest.raises(ValueError, match="another notebook"):
        merge(*map(as_bytes, (base, notebook(cells("vwxyz", "o")), new)))

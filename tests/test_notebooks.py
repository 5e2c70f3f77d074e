"""The committed notebooks: whole, tidy and linked. `course regenerate --check` runs them again."""

import base64
import copy
import io
import math
import os
import re
import statistics
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from PIL import Image

from course.cli import main as cli
from course.lessons.contents import ROUTE, badges, links
from course.publishing.meaning import EPS, NUMBER, Number, output_difference, same_picture
from course.publishing.outputs import tolerance

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb")) + sorted(FOLDER.glob("solutions/*.ipynb"))
CHAPTERS = [FOLDER / f"{c.file}.ipynb" for c in ROUTE]
each_notebook = pytest.mark.parametrize(
    "path", NOTEBOOKS, ids=lambda p: str(p.relative_to(FOLDER).with_suffix(""))
)
each_chapter = pytest.mark.parametrize("path", CHAPTERS, ids=lambda p: p.stem)


def read(path):
    return nbformat.read(path, as_version=4)


def code_cells(path):
    return [c for c in read(path).cells if c.cell_type == "code"]


@each_notebook
def test_it_is_committed_with_outputs_and_without_errors(path):
    for cell in code_cells(path):
        assert cell.execution_count is not None, cell.source
        assert not [o for o in cell.outputs if o.output_type == "error"]
    assert path.stat().st_size <= 250_000


@each_notebook
def test_its_cells_fit_a_screen(path):
    lengths = [len(c.source.splitlines()) for c in code_cells(path)]
    assert max(lengths) <= 20 and statistics.median(lengths) <= 8


@each_notebook
def test_its_links_lead_somewhere_and_its_images_have_words(path):
    for cell in read(path).cells:
        text = cell.source if cell.cell_type == "markdown" else ""
        for output in cell.get("outputs", []):
            text += output.get("data", {}).get("text/html", "")
            if "image/png" in output.get("data", {}):
                assert output.metadata["image/png"]["alt"]
        for target in re.findall(r"\]\(([^)#:]+)\)", text):
            assert (path.parent / target).exists(), target
        for image in re.findall(r"<img[^>]*>", text):
            assert re.search(r'alt="[^"]{10,}"', image), image[:80]
        assert not re.search(r"!\[\]\(", text)


def outputs(path):
    """(cell, tolerance, output) of every output; the tolerance is 0 for most."""
    for cell in code_cells(path):
        for output in cell.outputs:
            yield cell, tolerance(cell), output


def said(output):
    """What an output says in words: printed text, or the text form of a picture or table."""
    return output.get("text") or output.get("data", {}).get("text/plain", "")


def with_text(output, text):
    other = copy.deepcopy(output)
    if "text" in output:
        other.text = text
    else:
        other.data["text/plain"] = text
    return other


def falsified(number):
    """Another count, or a number that is off by a fifth and two units of its last place."""
    if not math.isfinite(number.value):
        return "7.5"
    if number.is_count:
        return f"{number.value + 1:.0f}"
    percent = "%" if number.text.endswith("%") else ""
    return f"{number.value + 0.2 * abs(number.value) + 2.5 * number.unit:.8g}{percent}"


@each_chapter
def test_a_planted_wrong_number_or_word_is_found_in_each_output(path):
    """Every number and every line of a chapter is falsified in turn; --check must see each."""
    found = 0
    for _, room, output in outputs(path):
        assert output_difference(output, copy.deepcopy(output), room) is None
        text = said(output)
        for match in NUMBER.finditer(text):
            number = Number.parse(match.group())
            if 0 < abs(number.value) < 100 * EPS["float32"] or room:
                continue  # a residual, whose class is tested elsewhere; or a chaotic run
            wrong = falsified(number)
            planted = text[: match.start()] + wrong + text[match.end() :]
            assert output_difference(output, with_text(output, planted), room), planted
            found += 1
        lines = text.splitlines()
        for at, line in enumerate(lines):
            word = re.search(r"[A-Za-z]{3,}", line)
            if word:
                other = line[: word.start()] + "other" + line[word.end() :]
                planted = "\n".join([*lines[:at], other, *lines[at + 1 :]])
                assert output_difference(output, with_text(output, planted), room), planted
    assert found > 20


def pictures(output):
    """The PNGs of an output, in base64."""
    data = output.get("data", {})
    html = re.findall(r"data:image/png;base64,([^\"]+)", data.get("text/html", ""))
    return [data["image/png"]] if "image/png" in data else html


def shifted_curve(png):
    """The picture with its most common strong colour, usually a curve, moved by a twentieth."""
    picture = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    pixels = np.asarray(picture).astype(int)
    strong = pixels.max(2) - pixels.min(2) > 80
    colours, counts = np.unique(pixels[strong], axis=0, return_counts=True)
    own = (np.abs(pixels - colours[counts.argmax()]).max(2) < 16) & strong
    moved, by = pixels.copy(), max(8, picture.height // 20)
    moved[own] = 255
    moved[:-by][own[by:]] = colours[counts.argmax()]
    out = io.BytesIO()
    Image.fromarray(moved.astype(np.uint8)).save(out, "png")
    return base64.b64encode(out.getvalue()).decode()


@each_chapter
def test_a_planted_wrong_curve_is_found_in_each_picture(path):
    seen = 0
    for _, room, output in outputs(path):
        for png in pictures(output) if room == 0 else []:
            assert same_picture(png, png) and not same_picture(png, shifted_curve(png))
            seen += 1
    assert seen > 0


@each_notebook
def test_at_most_a_tenth_of_its_numbers_are_left_to_chance(path):
    """Numbers of chaotic runs and measured times are marked, with the reason; they are few."""
    total = loose = 0
    for cell, room, output in outputs(path):
        inside = re.findall(r"<pre>(.*?)</pre>", output.get("data", {}).get("text/html", ""), re.S)
        count = len(NUMBER.findall(" ".join([said(output), *inside])))  # of a bet's reveal, too
        total += count
        loose += count if room else 0
        if room and room != math.inf:
            assert 0 < room <= 1 and len(cell.metadata["course"]["reason"].split()) > 4
    assert loose <= 0.1 * total


CURVE = """
from matplotlib.axes import Axes as _Axes
_plot = _Axes.plot
def _wrong(self, *given, **options):
    lines = _plot(self, *given, **options)
    lines[0].set_ydata(0.8 * lines[0].get_ydata())
    return lines
_Axes.plot = _wrong
"""


@pytest.mark.full
@pytest.mark.parametrize(
    "path", [p for p in CHAPTERS if p.stem in ("3_01_forward", "3_02_backward")]
)
def test_check_finds_a_chapter_that_draws_a_wrong_curve(path, tmp_path, shared_kernels, capsys):
    notebook = read(path)
    first = next(c for c in notebook.cells if "check_parameters" in c.source)
    first.source += CURVE
    nbformat.write(notebook, tmp_path / path.name)
    assert cli.main(["regenerate", str(tmp_path / path.name), "--check"]) == 1
    assert "another picture" in capsys.readouterr().out


@each_chapter
def test_its_first_cell_follows_the_route(path):
    first = read(path).cells[0].source
    assert badges(path.stem) in first and links(path.stem) in first
    assert any("parameters" in c.metadata.get("tags", []) for c in code_cells(path))


def prose(path):
    """The Markdown of a notebook, without formulas, code, links and what is quoted from papers."""
    for cell in read(path).cells:
        text = cell.source if cell.cell_type == "markdown" else ""
        text = re.split(r"^## (?:At scale|Papers)", text, flags=re.M)[0]
        text = re.sub(
            r"\$\$.*?\$\$|\$[^$\n]*\$|```.*?```|`[^`]*`|\]\([^)]*\)", " ", text, flags=re.S
        )
        yield text


@each_chapter
def test_no_measured_number_is_typed_into_its_prose(path):
    """A number with three digits and a decimal point looks measured: let a cell print it."""
    known = {"2.303", "2.30", "2.05", "100.1", "0.999"}  # ln 10, to try, in a formula, usual β₂
    for text in prose(path):
        typed = re.findall(r"(?<![\d.])\d+\.\d+(?![\d.]*\d)", text)
        measured = [n for n in typed if len(n.replace(".", "").lstrip("0")) >= 3]
        assert not set(measured) - known, text


def test_its_words_are_spelled_well(tmp_path):
    for path in NOTEBOOKS:
        words = "\n".join(c.source for c in read(path).cells)
        (tmp_path / f"{path.parent.name}_{path.stem}.md").write_text(words)
    command = [sys.executable, "-m", "codespell_lib", *map(str, tmp_path.glob("*.md"))]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_nbval_runs_the_first_chapter(kernels):
    command = [sys.executable, "-m", "pytest", "--nbval-lax", "--nbval-cell-timeout=120", "-q"]
    command += ["-n0", "-p", "no:cacheprovider", "-W", "default", str(CHAPTERS[0])]
    environment = (
        dict(os.environ) if kernels is None else os.environ | {"JUPYTER_PATH": str(kernels)}
    )
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=600, cwd=FOLDER, env=environment
    )
    assert done.returncode == 0, done.stdout[-3000:]


def test_a_recipe_as_a_parameter_is_replayed(tmp_path, shared_kernels):
    from widgets import TrainingLab

    lab = TrainingLab("moons", interactive=False).run(30)
    lab.set("lr", 0.4)
    lab.run(20)
    (tmp_path / "run.json").write_text(lab.recipe().json())
    arguments = ["regenerate", "00_start_here", "--output-dir", str(tmp_path / "out")]
    arguments += ["-p", "recipe", str(tmp_path / "run.json")]
    assert cli.main(arguments) == 0
    (shown,) = [
        output.data["text/plain"]
        for cell in code_cells(tmp_path / "out/00_start_here.ipynb")
        for output in cell.outputs
        if "TrainingLab" in output.get("data", {}).get("text/plain", "")
    ]
    assert shown == f"TrainingLab. {lab.summary()}"

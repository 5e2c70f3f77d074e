"""`course regenerate` reports progress, a table and a summary with links."""

import io
import re
import sys
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

from bs4 import BeautifulSoup

from course.publishing.report import ProgressLine, Result, save_summary, show_table


def results(tmp_path):
    for name in ("good", "bad"):
        (tmp_path / f"{name}.ipynb").touch()
    good = Result(tmp_path / "good.ipynb", tmp_path / "good.ipynb", "good", "ok", 12.34, 5, 3 << 30)
    good.page = tmp_path / "html" / "good.html"
    bad = Result(tmp_path / "bad.ipynb", tmp_path / "bad.ipynb", "part/bad", "FAILED")
    bad.problem = "cell 2 (`a < b`): NameError"
    return [good, bad]


def test_the_table_aligns_and_names_the_problem(tmp_path, capsys):
    show_table(results(tmp_path))
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["good", "12.3", "s", "5", "3,072", "MiB", "ok"]
    starts = [line.index(w) for line, w in zip(lines, ["status", "ok", "FAILED"], strict=False)]
    assert len(set(starts)) == 1
    assert lines[-1] == "part/bad.ipynb: cell 2 (`a < b`): NameError"


def test_the_summary_links_to_notebooks_and_pages(tmp_path):
    path = tmp_path / "out" / "index.html"
    save_summary(results(tmp_path), path)
    text = path.read_text()
    assert "1 of 2 went wrong" in text and "a &lt; b" in text
    links = re.findall('href="([^"]+)"', text)
    assert links == ["../good.ipynb", "../html/good.html", "../bad.ipynb"]


def test_links_lead_to_notebooks_of_any_name_and_markup_in_a_name_is_text(tmp_path):
    name = "50% #1 'a' & \"b\" <i>ü?"
    (tmp_path / f"{name}.ipynb").touch()
    result = Result(tmp_path / name, tmp_path / f"{name}.ipynb", name, "ok")
    result.page = tmp_path / "html" / f"{name}.html"
    save_summary([result], tmp_path / "out" / "index.html")
    soup = BeautifulSoup((tmp_path / "out" / "index.html").read_text(), "html.parser")
    notebook, page = soup.select("a[href]")
    assert notebook.text == name and not soup.select("i")
    for link, target in ((notebook, result.target), (page, result.page)):
        address = urlsplit(urljoin((tmp_path / "out" / "index.html").as_uri(), str(link["href"])))
        assert Path(unquote(address.path)) == target and not address.fragment + address.query


def test_progress_counts_by_the_time_of_the_last_run(tmp_path, capsys):
    short, long = tmp_path / "short", tmp_path / "long"
    line = ProgressLine({short: 2, long: 4}, {long: 60.0})
    assert str(line) == "0 of 2 notebooks, 00:00 spent, ? left"
    for _ in range(2):
        line.count_cell(long)
    line.bar.start_t -= 30  # as if this had taken thirty seconds, for 30 of 62
    assert str(line) == "0 of 2 notebooks, 00:30 spent, 00:32 left"
    for _ in range(9):
        line.count_cell(long)  # parameters add a cell of their own
    assert str(line) == "0 of 2 notebooks, 00:30 spent, 00:01 left"
    line.draw()
    assert capsys.readouterr().err == ""
    line.count_notebook(Result(long, long, "long", "FAILED"))
    line.clear()
    message = "1 of 2 notebooks, 00:30 spent, 00:01 left: long FAILED\n"
    assert capsys.readouterr().err == message


def test_on_a_terminal_progress_is_one_line_drawn_again_and_removed_at_the_end(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal, path = Terminal(), Path("one")
    monkeypatch.setattr(sys, "stderr", terminal)
    line = ProgressLine({path: 4}, {})
    line.count_cell(path)
    line.draw()
    assert "0 of 1 notebooks" in terminal.getvalue().split("\r")[-1]
    line.count_notebook(Result(path, path, "one", "ok"))
    line.draw()
    assert "#" * 30 + " 1 of 1 notebooks" in terminal.getvalue().split("\r")[-1]
    line.clear()
    assert terminal.getvalue().split("\r")[-1] == "" and "\n" not in terminal.getvalue()

"""Every chapter in JupyterLab, all cells run: no error, and every lab alive on the page."""

import pytest
from test_start import shot, wait

from course.lessons.contents import ROUTE

pytestmark = [pytest.mark.browser, pytest.mark.full]

RUN_ALL = """async () => {
  const panel = window.jupyterapp.shell.currentWidget;
  panel.content.notebookConfig = { ...panel.content.notebookConfig, windowingMode: "none" };
  await window.jupyterapp.commands.execute("notebook:run-all-cells");
}"""
FOUND = """() => {
  const panel = window.jupyterapp.shell.currentWidget;
  const cells = [...panel.content.model.cells].filter((c) => c.type === "code");
  return {
    errors: cells.flatMap((c) => c.outputs.toJSON()).filter((o) => o.output_type === "error"),
    open: cells.filter((c) => !c.executionCount).length,
    labs: document.querySelectorAll(".face:not(.face-bet, .plot-figure)").length,
    painted: [...document.querySelectorAll(".face-view")].filter((e) => e.face?.paints).length,
    raw: [...document.querySelectorAll(".jp-RenderedMarkdown")]
      .filter((e) => e.innerText.includes("$$")).length,
  };
}"""


@pytest.mark.parametrize("chapter", [c.file for c in ROUTE])
def test_a_chapter_runs_and_its_labs_are_alive(page, jupyter, chapter):
    page.goto(f"{jupyter}/lab/workspaces/{chapter}/tree/{chapter}.ipynb?token=test")
    page.wait_for_function(
        "() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel"
        "?.status === 'idle'"
    )
    page.evaluate(RUN_ALL)
    wait(lambda: page.evaluate(FOUND)["open"] == 0, seconds=120)
    found = page.evaluate(FOUND)
    assert found["errors"] == [] and found["raw"] == 0
    for i in range(found["labs"]):
        page.locator(".face:not(.face-bet, .plot-figure)").nth(i).scroll_into_view_if_needed()
        page.wait_for_timeout(500)
        shot(page, f"{chapter}-lab{i}")
    wait(lambda: page.evaluate(FOUND)["painted"] >= found["labs"] >= 1)

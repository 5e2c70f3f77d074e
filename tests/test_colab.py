"""The kernel that Colab runs: a new Python, but ipywidgets 7.7, ipykernel 6.17, IPython 7."""

import json
import os
import subprocess
import sys

import pytest
from parameter_ranges import ends

from course.lessons.contents import ROUTE

OLD = ["ipywidgets==7.7.1", "ipykernel==6.17.1", "ipython==7.34.0"]
NEEDED = ["ipython-genutils", "backcall", "pickleshare", "decorator", "nest-asyncio"]  # by them

LABS = """
import json, warnings
warnings.filterwarnings("error", "Passing unrecognized arguments")  # what 7.7 does not know
import ipykernel, ipywidgets
from widgets import BackpropLab, ClusterLab, DescentLab, PlannerLab, TrainingLab

def move(widget, value):
    "As the front end does, by a message."
    widget._handle_msg({"content": {"data": {"method": "update", "state": {"value": value}}}})

training = TrainingLab("digits", interactive=True).run(20)
move(training.panel.knobs["lr"].slider, 0.01)
training.run(1)
back = BackpropLab(interactive=True)
back.all()
move(back.panel.knobs["lr"].number, 0.25)
descent = DescentLab(interactive=True).run(20)
move(descent.panel.knobs["lr momentum"].number, 0.015)
cluster = ClusterLab(hidden=(20, 20, 20), interactive=True).run(2)
move(cluster.panel.knobs["latency"].number, 50)
cluster.run(1)
planner = PlannerLab(interactive=True)
move(planner.panel.knobs["devices"].slider, 4)
move(planner.panel.knobs["tokens"].field, "1e9")
labs = training, back, descent, cluster, planner
shown = [sorted(lab._repr_mimebundle_()[0]) for lab in labs]
print(json.dumps({
    "versions": [ipywidgets.__version__, ipykernel.__version__], "shown": shown,
    "knobs": [training.trainer.knobs()["lr"], back.graph.lr, descent.knobs()["lr"]["momentum"],
              cluster.knobs()["latency"], len(cluster.losses),
              planner.knobs()["devices"], planner.knobs()["tokens"]],
    "recorded": training.trainer.history.knobs,
    "painted": [len(lab.panel.face.frame) for lab in (training, cluster)],
}))
"""

BETS = """
import json, warnings
warnings.filterwarnings("error", "Passing unrecognized arguments")
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.display_formatter.active_types = shell.display_formatter.format_types
import ipywidgets
from course.lessons import Choice, Curve, Number
from widgets import Bet, Patient

def move(widget, value):
    "As the front end does, by a message."
    options = getattr(widget, "options", None)
    state = {"index": options.index(value)} if options else {"value": value}
    widget._handle_msg({"content": {"data": {"method": "update", "state": state}}})

def press(button):
    data = {"method": "custom", "content": {"event": "click"}}
    button._handle_msg({"content": {"data": data}, "buffers": []})

def ask(answer, result):
    experiment = lambda: print("SECRET") or result
    bet = Bet("Which?", experiment, answer, "3_05_clipping", interactive=True)
    return bet, bet.tell("What came out")

asked = [ask(Choice("up", "down"), "up"), ask(Number(0, 9), 4),
         ask(Curve((0, 9), 0.1, 1), [[0, 1]])]
closed = [bet._wager.is_open for bet, _ in asked]
move(asked[0][0]._form.buttons, "down")
move(asked[1][0]._form.field, "2")
for bet, _ in asked:
    press(bet._place)
patient = Patient("G", "3_06_momentum_clipping", interactive=True)
patient.lab.set("clip_order", "before")
patient.check()
move(patient.bet._form.buttons, "the clipping stands behind the momentum")
press(patient.bet._place)
print(json.dumps({
    "version": ipywidgets.__version__, "closed": closed,
    "shown": [sorted(page._repr_mimebundle_()) for pair in asked for page in pair]
        + [sorted(patient._repr_mimebundle_())],
    "said": [bet.sentence.value for bet, _ in asked] + [patient.bet.sentence.value],
    "cure": patient.sentence.value,
    "secrets": [str(bet._reveal.output.outputs) for bet, _ in asked],
    "told": [str(told.output.outputs) for _, told in asked],
    "explained": str(patient.bet._reveal.output.outputs),
}))
"""


def first_on_path(folder) -> str:
    """Return a PYTHONPATH that begins with a folder and goes on as it was."""
    return os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))


@pytest.fixture(scope="module")
def colab(tmp_path_factory):
    """An environment in which the kernel's packages are as old as Colab's."""
    folder = tmp_path_factory.mktemp("colab")
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target"]
    subprocess.run([*install, str(folder / "old"), *OLD, *NEEDED], check=True, timeout=300)
    spec = folder / "kernels" / "colab" / "kernel.json"
    spec.parent.mkdir(parents=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    old = {"PYTHONPATH": first_on_path(folder / "old")}
    spec.write_text(
        json.dumps({"argv": argv, "display_name": "Colab", "language": "python", "env": old})
    )
    return folder


def test_the_labs_run_on_the_widgets_of_colab(colab):
    environment = os.environ | {"PYTHONPATH": first_on_path(colab / "old")}
    done = subprocess.run(
        [sys.executable, "-c", LABS], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert found["versions"] == ["7.7.1", "6.17.1"]
    assert found["knobs"] == pytest.approx([0.01, 0.25, 0.015, 50, 3, 1536, 1e9])
    assert [knob[1] for knob in found["recorded"]] == ["lr"] and min(found["painted"]) > 1000
    assert len(found["shown"]) == 5
    for bundle in found["shown"]:
        assert "application/vnd.jupyter.widget-view+json" in bundle and "image/png" in bundle


@pytest.mark.full
def test_bets_and_patients_open_on_the_widgets_of_colab(colab, tmp_path):
    environment = os.environ | {
        "PYTHONPATH": first_on_path(colab / "old"), "TRAINING_AT_SCALE_HOME": str(tmp_path),
        "IPYTHONDIR": str(tmp_path),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", BETS], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["version"] == "7.7.1" and found["closed"] == [False] * 3
    view = ["application/vnd.jupyter.widget-view+json", "text/plain"]
    assert found["shown"] == [view] * 7
    assert all("SECRET" in text for text in found["secrets"])
    assert all("The mean has turned around." in text for text in found["told"])
    words = ("Your bet: down. The experiment: up.", "off by a factor of 2", "off by", "Well seen!")
    assert all(word in said for word, said in zip(words, found["said"], strict=True))
    assert "Cured: on 3 seeds" in found["cure"] and "Clip before the memory" in found["explained"]


@pytest.mark.full
@pytest.mark.parametrize("chapter", [chapter.file for chapter in ROUTE])
def test_a_chapter_runs_on_the_kernel_of_colab(chapter, colab, tmp_path):
    from test_notebooks import FOLDER, read

    path = FOLDER / f"{chapter}.ipynb"
    out = tmp_path / "out.ipynb"
    command = [sys.executable, "-m", "papermill", str(path), str(out)]
    command += ["--cwd", str(FOLDER), "-k", "colab", "--no-progress-bar"]
    for name, value in ends(path)[0].items():
        command += ["-p", name, str(value)]
    environment = os.environ | {"JUPYTER_PATH": str(colab)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    for cell in read(out).cells:
        for output in cell.get("outputs", []):
            assert output.get("name") != "stderr", output.text

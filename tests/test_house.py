"""The house: what a notebook may import, what meets the protocol of a model."""

import ast
import re
from importlib import import_module
from pathlib import Path

import nbformat
import pytest
import torch
from torch import nn

from course import MLP, Linear, Network, adopt
from course.nn.model import Model

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").rglob("*.ipynb"))
FOLDERS = ("data", "nn", "optim", "interop", "training", "lessons", "errors")  # imported by it
FACES = (
    "course", "course.architectures", "course.ensembles", "course.lessons",
    "course.lessons.exercises", "course.oncall", "course.parallel", "course.parallel.views",
    "course.planner", "course.planner.ways", "course.pruning", "widgets",
)  # fmt: skip


def own_imports(source):
    """(module, name) of everything that Python code imports from this course."""
    plain = re.sub(r"^(\s*)%.*", r"\1pass", source, flags=re.M)  # without IPython's magics
    for node in ast.walk(ast.parse(plain)):
        if isinstance(node, ast.ImportFrom) and node.module:
            found = [(node.module, alias.name) for alias in node.names]
        elif isinstance(node, ast.Import):
            found = [(alias.name, "") for alias in node.names]
        else:
            continue
        yield from (pair for pair in found if pair[0].split(".")[0] in ("course", "widgets"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_notebooks_import_public_names_only(path):
    cells = [c.source for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]
    for module, name in (pair for source in cells for pair in own_imports(source)):
        assert module in FACES, f"{module} is not a face; allowed: {FACES}"
        public = getattr(import_module(module), "__all__", None)
        assert public is None or name in public, f"{module}.{name} is not public"


@pytest.mark.parametrize(
    "model",
    [
        MLP([4, 3, 2]), Network([Linear(2)], 4, "mse"), adopt(nn.Linear(4, 2)),
        adopt(nn.Linear(4, 1), loss=lambda outputs, y: (outputs - y).square().mean()),
    ],
    ids=["MLP", "Network", "adopted", "adopted with a loss of its own"],
)  # fmt: skip
def test_every_kind_of_model_meets_the_protocol(model):
    assert isinstance(model, Model)
    assert model.theta.shape == model.grad.shape == (len(model.theta),)
    assert isinstance(model.loss.name, str)
    with model.grad_mode():
        assert not torch.is_grad_enabled()


def test_the_face_hands_out_what_it_promises():
    import course
    from course import face

    found = {name for name in vars(face) if not name.startswith("_") and name not in FOLDERS}
    assert found == set(course.__all__) - {"__version__"} and found <= set(dir(course))
    with pytest.raises(AttributeError, match="'course' has no attribute 'nothing'"):
        course.nothing  # noqa: B018

"""What figures and reveals of 3_08_adaptive need later, when all cells have run, stays there."""

import ast
import re
from pathlib import Path

import nbformat

NOTEBOOK = Path(__file__).parents[2] / "notebooks/3_08_adaptive.ipynb"


def test_what_it_needs_is_set_by_one_cell_alone():
    """They compute when a slider moves or a bet is opened: after all cells have run."""
    code = {
        c.id: ast.parse(re.sub(r"(?m)^ *%.*$", "    pass", c.source))
        for c in nbformat.read(NOTEBOOK, as_version=4).cells
        if c.cell_type == "code"
    }
    stores: dict[str, set] = {}
    for cell, tree in code.items():
        for node in top_level(tree):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                stores.setdefault(node.id, set()).add(cell)
            elif isinstance(node, ast.FunctionDef):
                stores.setdefault(node.name, set()).add(cell)
    for cell in (
        "turned",
        "ride",
        "along-the-axes",
        "experiment",
        "explore-angle",
        "first-steps",
        "turned-matrix",
    ):
        functions = [n for n in code[cell].body if isinstance(n, ast.FunctionDef)]
        nodes = [node for function in functions for node in ast.walk(function)]
        own = {n.arg for n in nodes if isinstance(n, ast.arg)}
        own |= {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        for name in {n.id for n in nodes if isinstance(n, ast.Name)} - own:
            assert len(stores.get(name, ())) <= 1, f"{name} of {cell} is set by {stores[name]}"


def top_level(tree):
    """The nodes of a cell that are not inside a function or a comprehension."""
    inner = (ast.FunctionDef, ast.Lambda, ast.ListComp, ast.DictComp, ast.SetComp, ast.GeneratorExp)
    todo = list(tree.body)
    while todo:
        node = todo.pop()
        yield node
        if not isinstance(node, inner):
            todo += ast.iter_child_nodes(node)

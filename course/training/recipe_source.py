"""A recipe as a short program: what a learner takes home from a lab."""

from ..nn.network import build_network
from .recipe import load_recipe
from .replay import build_recipe
from .run import clip_order_in


def as_code(recipe, anyway: bool = False) -> str:
    """Return a run as a short program; moves to another device are left out.

    Args:
        recipe: as `load_recipe` takes it.
        anyway: write also a run that takes more memory than `course.effort` allows.

    Raises:
        CourseError: for a recipe that cannot be run.
    """
    recipe = load_recipe(recipe)
    trainer = build_recipe(recipe, anyway=anyway)
    model, data = trainer.model.describe(), trainer.data.source
    assert data is not None  # own data has no code, so it was not built
    lines = [
        f"torch.set_num_threads({recipe.threads})",
        f"model = {_model_code(model)}",
        f"data = {_data_code(data)}",
        f"trainer = Trainer(model, data, {trainer.chain!r}, {_options(trainer)})",
    ]
    if trainer.label_noise:
        lines.append(f"trainer.set('label_noise', {trainer.label_noise!r})")
    clip = trainer.chain.clip
    if clip is None or trainer.threshold != clip.setting("threshold"):
        lines.append(f"trainer.threshold = {trainer.threshold!r}  # for when clipping is on")
    if trainer.clip_order != (clip_order_in(trainer.chain) or "before"):
        lines.append(f"trainer.clip_order = {trainer.clip_order!r}  # likewise")
    changes: dict[int, list[tuple]] = {}
    for step, knob, value in recipe.knobs:
        if knob != "device":
            trainer.set(knob, value)  # one that cannot be turned is found here
            changes.setdefault(step, []).append((knob, value))
    table = "".join(f"    {step}: {turns!r},\n" for step, turns in changes.items())
    lines += [
        f"changes = {{\n{table}}}" if table else "changes = {}",
        f"for step in range({recipe.steps}):",
        "    for knob, value in changes.get(step, []):",
        "        trainer.set(knob, value)",
        "    trainer.step()",
    ]
    if recipe.steps in changes:  # turned after the last step
        lines += [
            f"for knob, value in changes[{recipe.steps}]:",
            "    trainer.set(knob, value)",
        ]
    lines.append('print(trainer.evaluate("test"))')
    first = ["import torch", "from course import *"]
    if "inf" in "".join(lines):
        first.insert(0, "from math import inf\n")
    return "\n".join([*first, "", *lines]) + "\n"


def _options(trainer) -> str:
    words = [f"batch_size={trainer.batch_size}", f"seed={trainer.seed}"]
    if trainer.accumulate > 1:
        words.append(f"accumulate={trainer.accumulate}")
    if trainer.batches.augment:
        words.append(f"augment={trainer.batches.augment!r}")
    return ", ".join(words)


def _model_code(description: dict) -> str:
    if description["kind"] != "MLP":
        return f"build_network({description!r})"
    usual = build_network(
        {"kind": "MLP", "sizes": [1, 1], "activation": description["activation"]}
    ).describe()
    words = [repr(description["sizes"]), repr(description["activation"])]
    words.append(f"seed={description['seed']}")
    for name in ("init", "dropout", "loss"):
        if description[name] != usual[name]:
            words.append(f"{name}={description[name]!r}")
    words += [f"{k}={description[k]!r}" for k in ("residual", "norm") if k in description]
    if description["dtype"] != "float32":
        words.append(f"dtype=torch.{description['dtype']}")
    return f"MLP({', '.join(words)})"


def _data_code(source: dict) -> str:
    code = f"load_data({source['name']!r}, seed={source['seed']}"
    if source["test_share"] != 0.2:
        code += f", test_share={source['test_share']!r}"
    if source["dtype"] != "float32":
        code += f", dtype=torch.{source['dtype']}"
    code += ")"
    for step, options in source.get("then", []):
        words = ", ".join(f"{k}={v!r}" for k, v in options.items())
        code = f"standardise({code})" if step == "standardise" else f"{code}.{step}({words})"
    return code

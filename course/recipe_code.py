"""A recipe as a short program: what a learner takes home from a lab."""

from .model import build_network
from .recipe import build_recipe, load_recipe


def as_code(recipe: dict) -> str:
    """The same run as a short program, which runs."""
    recipe = load_recipe(recipe)
    trainer = build_recipe(recipe)
    changes: dict[int, list[tuple]] = {}
    for step, knob, value in recipe["knobs"]:
        changes.setdefault(step, []).append((knob, value))
    table = "".join(f"    {step}: {made!r},\n" for step, made in changes.items())
    extra = [f"accumulate={recipe['accumulate']}"] if recipe["accumulate"] > 1 else []
    if recipe["augment"]:
        extra.append(f"augment={trainer.batches.augment!r}")
    options = ", ".join([f"batch_size={recipe['batch_size']}", f"seed={recipe['seed']}", *extra])
    lines = [
        "import torch",
        "from course import *",
        "",
        f"torch.set_num_threads({recipe['threads']})",
        f"model = {_model_code(recipe['model'])}",
        f"data = {_data_code(recipe['data'])}",
        f"trainer = Trainer(model, data, {trainer.chain!r}, {options})",
    ]
    if recipe["label_noise"]:
        lines.append(f"trainer.set('label_noise', {recipe['label_noise']!r})")
    if recipe["threshold"] != trainer.threshold or trainer.chain.clip is None:
        lines.append(
            f"trainer.set('threshold', {recipe['threshold']!r})  # for when clipping is on"
        )
    lines += [
        f"changes = {{\n{table}}}" if table else "changes = {}",
        f"for step in range({recipe['steps']}):",
        "    for knob, value in changes.get(step, []):",
        "        trainer.set(knob, value)",
        "    trainer.step()",
        'print(trainer.evaluate("test"))',
    ]
    return "\n".join(lines) + "\n"


def _model_code(description: dict) -> str:
    if description["kind"] != "MLP":
        return f"build_network({description!r})"
    usual = build_network(
        {"kind": "MLP", "sizes": description["sizes"], "activation": description["activation"],
         "dtype": "float32"}
    ).describe()  # fmt: skip
    words = [repr(description["sizes"]), repr(description["activation"])]
    words.append(f"seed={description['seed']}")
    for name in ("init", "dropout", "loss"):
        if description[name] != usual[name]:
            words.append(f"{name}={description[name]!r}")
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
        given = ", ".join(f"{k}={v!r}" for k, v in options.items())
        code = f"standardise({code})" if step == "standardise" else f"{code}.{step}({given})"
    return code

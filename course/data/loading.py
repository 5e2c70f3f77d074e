"""Data sets by name, and again from their sources.

    images      digits; mnist and fashion_mnist are downloaded once
    2-D points  moons, spirals, rings, xor: no straight line separates the classes
    curves      sine, steps: regression from one number to one number

All but the downloaded sets are drawn from a seed.
"""

from collections.abc import Callable
from dataclasses import replace

import torch

from ..errors import CourseError, check_choice, check_fields, check_number, check_seed, shown
from .dataset import Dataset
from .mnist import load_mnist
from .preprocess import standardise
from .synthetic import LOADERS, source_of, split_at_random

DTYPES = {
    str(d).removeprefix("torch."): d
    for d in (torch.float32, torch.float64, torch.float16, torch.bfloat16)
}
DOWNLOADED = ("mnist", "fashion_mnist")
STEPS: dict[str, Callable[..., Dataset]] = {
    "with_validation": Dataset.with_validation, "subset": Dataset.subset,
    "images": Dataset.images, "standardise": standardise,
}  # fmt: skip


def load_data(name: str, seed: int = 0, test_share: float = 0.2, dtype=torch.float32) -> Dataset:
    """Load a data set by name and split it at random: same seed, same split.

    'mnist' and 'fashion_mnist' keep the split they were published with (see `mnist`).

    Args:
        name: one of `LOADERS` or `DOWNLOADED`.
        seed: of the rows that are drawn and of the split.
        test_share: of the rows, in (0, 1), that judge the result.
        dtype: of the inputs and of regression targets.

    Raises:
        CourseError: for an unknown name or dtype, a negative seed, a share out of its range.
    """
    check_choice("dataset", name, (*LOADERS, *DOWNLOADED))
    seed = check_seed(seed)
    test_share = check_number(
        "test_share", test_share, 0, 1, "as 0.2", open_low=True, open_high=True
    )
    check_choice("dtype", dtype, tuple(DTYPES.values()))
    if name not in DOWNLOADED:
        return split_at_random(name, seed, test_share, dtype)
    loaded = load_mnist(name, dtype, seed=seed, test_share=test_share, stacklevel=3)
    if loaded.name != name:  # digits, as there is no network
        return loaded
    return replace(loaded, source=source_of(name, seed, test_share, dtype))


def build_data(source: dict) -> Dataset:
    """Return the set that has this source: the inverse of `Dataset.source`.

    Args:
        source: {'name': …, 'seed': …, 'then': [[step, {option: value}], …]}; all but the name may
            be missing.

    Raises:
        CourseError: for what is not of this form, and for options that a step does not take.
    """
    what = f"data = {shown(source)}"
    if not isinstance(source, dict) or not isinstance(source.get("then", []), list):
        raise CourseError(f"{what} is not the source of a data set; allowed: as Dataset.source")
    options = {k: v for k, v in source.items() if k != "then"}
    check_fields(f"{what}, a source,", options, load_data)
    options["dtype"] = DTYPES[check_choice("dtype", options.get("dtype", "float32"), DTYPES)]
    data = load_data(**options)
    for entry in source.get("then", []):
        if not isinstance(entry, list | tuple) or len(entry) != 2:
            raise CourseError(f"data step {shown(entry)}; it must be [name, {{option: value}}]")
        step = STEPS[check_choice("data step", entry[0], STEPS)]
        data = step(data, **check_fields(f"data step {shown(entry)}", entry[1], step, data))
    return data

"""The parameters of a chapter, checked before anything is computed.

Each chapter says in its cell tagged `parameters` what it takes, and checks it in the next one:

    check_parameters(seed, device, steps, dataset)

Within the ranges below every chapter runs to its end. With fewer than 20 steps some curves would
be empty: they are sampled every tenth step, or are means of ten.
"""

from ..errors import CourseError, shown
from ..training.recipe import load_recipe
from ..training.run import available_devices

SEEDS = 0, 2**31
STEPS = 20, 1000
DATASETS = "digits", "moons", "spirals"


def check_parameters(
    seed: int, device: str, steps: int = 300, dataset: str = "moons", recipe: str = "",
    datasets=DATASETS,
) -> None:  # fmt: skip
    """Raise `CourseError` for the first value that this chapter does not take.

    A chapter leaves out what it does not have.

    Args:
        seed: in `SEEDS`.
        device: one of `available_devices()`.
        steps: in `STEPS`.
        dataset: one of `datasets`.
        recipe: the path of a recipe file, or "" for none.
        datasets: those this chapter is written for.
    """
    _check_whole("seed", seed, SEEDS, "choose another number")
    _check_one_of("device", device, available_devices(), "`course doctor` lists what is here")
    _check_whole("steps", steps, STEPS, "200 or 300 show what the chapter is about")
    _check_one_of("dataset", dataset, datasets, "the chapter is written for these")
    _check_recipe(recipe)


def _check_whole(name: str, value: object, span: tuple[int, int], remedy: str) -> None:
    low, high = span
    if type(value) is not int or not low <= value <= high:
        raise CourseError(
            f"{name} = {shown(value)} does not fit; allowed: a whole number from {low} to "
            f"{high:,}; {remedy}"
        )


def _check_one_of(name: str, value: object, allowed, remedy: str) -> None:
    if value not in allowed:
        words = ", ".join(map(repr, allowed))
        raise CourseError(f"{name} = {shown(value)} does not fit; allowed: {words}; {remedy}")


def _check_recipe(recipe: object) -> None:
    try:
        if not isinstance(recipe, str):
            raise CourseError("a recipe is given by the path of its file")
        if recipe:
            load_recipe(recipe)
    except CourseError as error:
        raise CourseError(
            f"recipe = {shown(recipe)} does not fit: {error}; allowed: a file that a lab saved, "
            "by its full path or seen from the chapter's folder, or ''"
        ) from None

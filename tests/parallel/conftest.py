"""What the tests of runs over many ranks share."""

import pytest
from runs import recipe_of


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    """The file of a recipe."""
    path = tmp_path_factory.mktemp("recipe") / "run.json"
    recipe_of().save(path)
    return path

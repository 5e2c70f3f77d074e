"""Data sets by name, and again from what they were made of."""

import pytest
import torch

from course.data.loading import load_data
from course.errors import CourseError


@pytest.mark.parametrize(
    "options, message",
    [({"name": "mnst"}, "'mnst'.*'digits'.*'fashion_mnist'"), ({"seed": -1}, "seed = -1"),
     ({"test_share": 1}, "test_share = 1"), ({"test_share": "half"}, "'half'"),
     ({"test_share": 1e-9}, "test data"), ({"dtype": torch.int64}, "torch.int64")],
)  # fmt: skip
def test_load_data_refuses(options, message):
    with pytest.raises(CourseError, match=message):
        load_data(**{"name": "moons", **options})

"""A made-up table of flats, its columns in units that differ: m², rooms, years and metres.

    data = draw_flats(seed)        160 rows to train on, 40 to test with; the answer is a rent

Real tables look so: a number of rooms beside a distance in metres. The rows are drawn here, so the
course needs no download and knows what is true: the rent is a weighted sum of the columns, and some
noise.
"""

import torch

from ..data.dataset import Dataset
from ..errors import check_count, check_seed

COLUMNS = {  # (low, high, what the rent gains from low to high), each drawn evenly
    "area, m²": (20.0, 200.0, 4.0), "rooms": (1.0, 6.0, 1.0),
    "age, years": (0.0, 80.0, -1.0), "to the station, m": (100.0, 20000.0, -2.0),
}  # fmt: skip
NOISE = 0.2
SHARE = 0.8  # of the rows, to train on


def draw_flats(seed: int = 0, n: int = 200, units: tuple[float, ...] = (1, 1, 1, 1)) -> Dataset:
    """Return n flats as a regression: x (N, 4), y (N, 1), float64; the last fifth are for testing.

    Args:
        seed: of the draw.
        n: rows in all, 10 to 1,000,000.
        units: a column each, how many of its own units make one of the new: 1000 gives kilometres
            instead of metres.

    Raises:
        CourseError: for a seed or a number of rows out of range.
    """
    n = check_count("n", n, 10, 10**6, "200 is usual")
    dice = torch.Generator().manual_seed(check_seed(seed))
    shares = torch.rand(n, len(COLUMNS), generator=dice, dtype=torch.float64)
    low, high, gains = torch.tensor(list(COLUMNS.values()), dtype=torch.float64).t()
    noise = torch.randn(n, 1, generator=dice, dtype=torch.float64)
    x = (low + shares * (high - low)) / torch.tensor(units, dtype=torch.float64)
    y = 5 + shares @ gains[:, None] + NOISE * noise
    kept = round(SHARE * n)
    return Dataset("flats", x[:kept], y[:kept], x[kept:], y[kept:], None)

"""Rows of spans in a picture: what the panel `spans` draws (see `picture`)."""

import numpy as np

FIELDS = ("row", "from", "to", "hue", "name")


def spans(prefix: str, rows: list[tuple], arrays: dict[str, np.ndarray]) -> dict[str, str]:
    """Add spans to a picture's arrays, and return which array is which field of the panel.

    Args:
        prefix: of the arrays' names.
        rows: (row, from, to, hue, name) of each span; hue and name are places in the panel's lists.
        arrays: of the picture; five are added.
    """
    for k, field in enumerate(FIELDS):
        kind = np.uint8 if field in ("row", "hue") else float
        arrays[f"{prefix}_{field}"] = np.array([row[k] for row in rows], kind)
    return {field: f"{prefix}_{field}" for field in FIELDS}

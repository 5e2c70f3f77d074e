"""Guesses of every kind that a notebook may hand over: for the file, and for the scoring."""

import math

import numpy as np
import torch
from hypothesis import strategies as st

NESTED: list = []
for _ in range(5000):
    NESTED = [NESTED]
NONSENSE = [
    None, math.nan, math.inf, -math.inf, 10**400, 10**5000, 1j, NESTED, (1, "a"),
    ("a", "b"), (1, math.nan),
    (True, 2), [], [1], [1, 2, 3], [[1, 2]], [[1, 2], [0, 2]], [[1, 2], [2, 0]], [[1, 2], [2]],
    [[1, 2], [2, math.nan]], {}, {"low": 1}, object(), b"x", {1, 2}, np.nan,
    torch.empty(2, device="meta"), np.array([1, 2, 3]),
    torch.tensor(math.nan), np.array(["a", "b"]),
]  # fmt: skip
NUMBERS = [
    (np.float32(0.5), 0.25), (torch.tensor(0.5), np.float64(0.25)), (np.int64(2), 1),
    ((np.float32(2), torch.tensor(4)), np.array(3)), (np.array([2.0, 4.0]), 3.0),
    (np.bool_(True), True), (np.str_("a"), "a"), (torch.tensor([[0.0, 1.0], [2.0, 1.0]]), [[1, 2]]),
]  # fmt: skip

json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(10**299),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)

"""The digest of a state: equal for equal states only."""

import math

import torch
from checkpoint_runs import same
from hypothesis import given
from hypothesis import settings as tries
from hypothesis import strategies as st

from course.states import digest, plain_state

leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)


states = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3)
    ),
    max_leaves=8,
)


@tries(max_examples=150, deadline=None, derandomize=True)
@given(a=states, b=states)
def test_equal_digests_are_of_equal_states(a, b):
    assert (digest(a) == digest(b)) == same(a, b)
    assert digest(plain_state(a)) == digest(a)


def test_states_that_read_alike_have_digests_of_their_own():
    alike = [
        0, 0.0, -0.0, False, None, "0", [], {}, "", [0], [[0]], {"0": 0}, ["ab", "c"], ["a", "bc"],
        [["a"], "b"], [["a", "b"]], torch.tensor(0), torch.tensor(0.0), torch.tensor(-0.0),
        torch.tensor([0]), torch.zeros(2, 3), torch.zeros(3, 2), torch.zeros(6),
        torch.zeros(6).int(), torch.zeros(6).bool(), torch.zeros(6).bfloat16(), torch.eye(3),
  torch.eye(3).to_sparse(), math.nan, -math.nan, 10**5000,
    ]  # fmt: skip
    assert len({digest(value) for value in alike}) == len(alike)
    assert digest(torch.arange(6).view(2, 3).t()) == digest(torch.tensor([[0, 3], [1, 4], [2, 5]]))
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})


@tries(max_examples=60, deadline=None, derandomize=True)
@given(size=st.integers(1, 40), place=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_one_bit_of_a_tensor_changes_the_digest(size, place, bit):
    content = torch.arange(size, dtype=torch.float32)
    flipped = content.clone()
    flipped.view(torch.uint8)[place % (4 * size)] ^= 1 << bit
    assert digest(content) != digest(flipped)

"""Mini-batches against permutations drawn here and the model's own encoding of the same rows."""

from types import SimpleNamespace

import pytest
import torch
from data_rows import examples
from hypothesis import given
from hypothesis import strategies as st

from course.data.batches import Batches, shard
from course.data.dataset import Dataset
from course.data.preprocess import Noise
from course.errors import CourseError
from course.nn.network import MLP


def data_of(n=10):
    x = torch.arange(4.0 * n).reshape(n, 4) / 10
    return Dataset("mine", x, torch.arange(n) % 3, x, torch.arange(n) % 3, 3, image_shape=(2, 2))


def model_on(device="cpu"):
    return MLP([4, 5, 3], device=device)


def batches_of(size=4, seed=7, n=10, device="cpu", augment=None):
    return Batches(model_on(device), data_of(n), size, seed, augment)


@examples
@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 99))
def test_each_epoch_is_a_new_permutation_cut_into_whole_batches(n, size, seed):
    size = min(n, size)
    found, generator = batches_of(size, seed, n), torch.Generator().manual_seed(seed)
    for epoch in range(3):
        order = torch.randperm(n, generator=generator)
        for rows in order[: n // size * size].split(size):
            assert found.rows().tolist() == rows.tolist() == found.last_rows().tolist()
            assert found.epoch == epoch


def test_before_the_first_batch_the_last_rows_are_those_of_the_first():
    found = batches_of()
    start = found.last_rows().tolist()
    assert found.epoch == 0 and start == found.rows().tolist() != found.rows().tolist()


def test_a_batch_holds_its_rows_as_the_model_encodes_them(device):
    found, data = batches_of(device=device), data_of()
    for rows in (torch.tensor([3, 1, 9]), torch.tensor([0, 0, 2, 5])):
        X, Y = found.gather(rows.to(device))
        x, y = model_on(device).encode(data.x_train[rows], data.y_train[rows], 4)
        assert torch.equal(X, x) and torch.equal(Y, y)


def test_a_buffer_is_used_again_and_any_autograd_may_keep_it():
    found = batches_of()
    with torch.inference_mode():
        first, second = (found.gather(torch.tensor(rows)) for rows in ([1, 2], [3, 4]))
    other = found.gather(torch.tensor([5, 6, 7]))
    for a, b, c in zip(first, second, other, strict=True):
        assert a is b and not a.is_inference() and a.data_ptr() != c.data_ptr()


def test_the_augmentation_draws_from_a_seed_of_its_own_and_spares_the_rows(device):
    found, data = batches_of(seed=7, augment=Noise(0.5), device=device), data_of()
    before, generator = found.X.clone(), torch.Generator(device).manual_seed(8)
    for rows in (torch.tensor([3, 1]), torch.tensor([4, 2])):
        X, _ = found.gather(rows.to(device))
        x = Noise(0.5)(data.x_train[rows].to(device), (2, 2), generator)
        assert torch.equal(found.inputs(X), x)
    assert torch.equal(found.X, before)


def test_the_augmentation_is_told_the_shape_of_an_image():
    shapes = []
    batches_of(augment=lambda x, shape, generator: shapes.append(shape) or x).gather(
        torch.arange(1)
    )
    assert shapes == [(2, 2)]


def test_other_sizes_go_on_where_the_epoch_is():
    found = batches_of(size=4)
    order = found.order.tolist()
    assert found.rows().tolist() == order[:4]
    encoded = found.X
    found.resize(4, model_on())
    assert found.X is encoded
    found.resize(3, model_on())
    assert found.X is not encoded and found.size == 3
    assert [found.rows().tolist() for _ in range(2)] == [order[4:7], order[7:]]


# ---- states -------------------------------------------------------------------------------------


def follow(batches, n=7):
    return [[batches.rows().tolist(), batches.inputs(batches.gather(batches.order[:2])[0]).tolist()]
            for _ in range(n)]  # fmt: skip


def test_a_revived_copy_goes_on_alike_and_the_first_stays_as_it_is():
    found = batches_of(augment=Noise(0.1))
    follow(found, 3)
    state, fresh = found.state_dict(), batches_of(seed=1, augment=Noise(0.1))
    untouched = fresh.state_dict()
    twin = fresh.revived(state, 4, model_on())
    assert (twin.epoch, twin.position) == (found.epoch, found.position) == (1, 4)
    for tensor in ("order", "generator", "noise"):
        state[tensor].zero_()  # neither shares its memory
    assert follow(twin) == follow(found)
    for name, value in fresh.state_dict().items():
        assert torch.equal(torch.as_tensor(value), torch.as_tensor(untouched[name]))


def test_a_copy_may_have_batches_of_another_size():
    found = batches_of()
    twin = found.revived(found.state_dict(), 3, model_on())
    assert len(twin.rows()) == 3 and len(found.rows()) == 4


@pytest.mark.parametrize(
    "change, message",
    [({"order": torch.arange(9)}, "row order"), ({"order": torch.zeros(10).long()}, "every row"),
     ({"order": torch.arange(10.0)}, "row order"), ({"position": 11}, "position"),
     ({"position": -1}, "position"), ({"epoch": -1}, "epoch"), ({"epoch": 2.5}, "epoch"),
     ({"epoch": 10**12 + 1}, "epoch"), ({"generator": torch.zeros(3)}, "generator of the order"),
     ({"noise": None}, "generator of the noise"), ({"more": 1}, "batches")],
)  # fmt: skip
def test_a_state_that_does_not_fit_is_refused(change, message):
    found = batches_of()
    state = found.state_dict()
    twin = found.revived(state | {"position": 10, "epoch": 10**12}, 4, model_on())
    assert twin.position == 10 and twin.epoch == 10**12
    with pytest.raises(CourseError, match=message):
        found.revived(state | change, 4, model_on())
    with pytest.raises(CourseError, match="batches"):
        found.revived({"order": state["order"]}, 4, model_on())


# ---- devices ------------------------------------------------------------------------------------


def test_the_order_and_the_noise_follow_the_model(monkeypatch):
    found = batches_of(seed=7)
    seen = SimpleNamespace(device=None, seed=None)

    class Generator:
        def __init__(self, device):
            seen.device = device

        def manual_seed(self, seed):
            seen.seed = seed
            return self

    model = model_on()
    away = SimpleNamespace(sample_dim=model.sample_dim, inputs=model.inputs)
    away.encode = lambda x, y, size: tuple(t.to("meta") for t in model.encode(x, y, size))
    monkeypatch.setattr(torch, "Generator", Generator)  # there is none for numbers without memory
    found.move(away)
    assert found.order.device.type == found.X.device.type == "meta"
    assert (seen.device.type, seen.seed) == ("meta", 8) and isinstance(found.noise, Generator)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_on_the_way_to_a_gpu_and_back_the_order_is_kept():
    found = batches_of(augment=Noise(0.1))
    order = found.order.tolist()
    found.rows()
    found.move(model_on("cuda"))
    assert found.order.is_cuda and found.order.tolist() == order
    assert found.rows().tolist() == order[4:8] and found.rows().is_cuda
    found.gather(found.last_rows())
    found.move(model_on())
    assert not found.order.is_cuda and found.epoch == 1


# ---- shards -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "tail, parts",
    [("keep", [[9, 5, 1], [8, 4, 0], [7, 3], [6, 2]]), ("drop", [[9, 5], [8, 4], [7, 3], [6, 2]]),
     ("pad", [[9, 5, 1], [8, 4, 0], [7, 3, 9], [6, 2, 8]])],
)  # fmt: skip
def test_ten_rows_among_four_ranks(tail, parts):
    order = torch.arange(9, -1, -1)
    assert [shard(order, rank, 4, tail).tolist() for rank in range(4)] == parts
    assert shard(order, 1, 2, tail).tolist() == [8, 6, 4, 2, 0]


def test_few_rows_are_repeated_until_each_rank_has_one():
    parts = [shard(torch.tensor([5, 6]), rank, 7, "pad").tolist() for rank in range(7)]
    assert sum(parts, []) == [5, 6, 5, 6, 5, 6, 5]
    assert shard(torch.tensor([5]), 0, 10**6).tolist() == [5]


@pytest.mark.parametrize(
    "bad, message",
    [((0, 0), "world_size = 0"), ((0, 10**6 + 1), "world_size"), ((0, 2.5), "world_size = 2.5"),
     ((-1, 2), "rank = -1"), ((2, 2), r"rank = 2 .*0 to 1"), ((0, 2, "loop"), "tail = 'loop'"),
     ((0, 3, "loop"), "'keep', 'drop', 'pad'")],
)  # fmt: skip
def test_a_rank_that_is_not_there_is_refused(bad, message):
    with pytest.raises(CourseError, match=message):
        shard(torch.arange(9), *bad)

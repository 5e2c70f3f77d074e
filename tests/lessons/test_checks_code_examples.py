"""The checks of chapter 4_code_examples: part by part, against loops written out and Keras."""

import math
import warnings

import pytest
import torch
from keras_blocked import needs_keras
from ledger_cases import by_name, marks, numbers
from mutants_code_examples import FIRST
from torch import nn

from course import load_data
from course.lessons import programs
from course.lessons.checks.code_examples import (
    batched,
    batches,
    exchanged,
    first,
    first_program,
    fitted,
    keras_three,
    keras_two,
    reported,
    whole,
)  # fmt: skip
from course.parallel import bytes_sent


@pytest.mark.parametrize(("said", "found"), FIRST)
def test_each_part_of_the_first_program_decides_cases_of_its_own(said, found):
    assert marks(first_program.cases(said)) == found


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"criterion": "cross-entropy"}, "✗✗✗✗|✗✗✓"),
        ({"criterion": "squared error"}, "✓✗✗✗|✗✗✓"),
        ({"criterion": "cross-entropy", "column": False}, "✓✓✗✗|✓✗✗"),
        ({"weighted": True}, "✗✗✓✗|✗✗✓"),
        ({"ranks": 2}, "✗✗✗✓|✗✗✓"),
    ],
)
def test_each_part_of_the_second_decides_cases_of_its_own(changes, found):
    assert marks(batches.cases(batches.document | changes)) == found


@pytest.mark.parametrize(
    ("check", "changes", "found"),
    [
        (keras_two, {"names": ("x_train",)}, "✗✗✗|✗✓"),
        (keras_two, {"names": ("x_train", "y_train")}, "✓✓✗|✗✓"),
        (keras_two, {"widths": (10,), "first": "output"}, "✗✗✗|✓✗"),
        (keras_two, {"ranks": 3}, "✗✗✓|✗✓"),
        (keras_three, {"images": False}, "✓✓✓✗|✗✓"),
        (keras_three, {"compile": "chooses the loss"}, "✗✗✗✗|✓✓"),
    ],
)
def test_each_part_of_the_keras_programs_decides_cases_of_its_own(check, changes, found):
    assert marks(check.cases(check.document | changes)) == found


def test_the_first_program_is_the_documents():
    """Its loop written out: the same losses, the same end."""
    x, y = programs.random_rows(seed=1)
    assert x.shape == (10_000, 784) and y.unique().tolist() == list(range(10))
    net = programs.network(784, 128, 10, seed=1)
    losses = []
    for _ in range(10):
        loss = nn.functional.cross_entropy(net(x), y)
        losses.append(float(loss.detach()))
        for p, g in zip(net.parameters(), torch.autograd.grad(loss, net.parameters()), strict=True):
            p.data -= 0.01 * g
    found = first("random", 10, 0.01, 1)
    assert found.losses == pytest.approx(losses, rel=1e-5)
    assert abs(found.new - 0.1) < 0.03 and min(found.losses) > math.log(10)


def test_the_report_is_low_by_the_batch_size():
    n = len(load_data("digits", 0).y_train)
    assert reported(False) == pytest.approx(math.ceil(n / 32) / n)
    assert reported(True) == pytest.approx(1)


def test_the_shape_that_is_repeated_teaches_the_number_and_not_the_class():
    data = load_data("digits", 0)
    net = programs.network(64, 128, 10)
    program = programs.completed(programs.in_batches, criterion=nn.MSELoss())
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        program(net, data.x_train, data.y_train.float())
    assert "target size (torch.Size([32, 1]))" in str(said[0].message)
    with torch.no_grad():
        outputs = net(data.x_test)
    assert float(outputs.std(1).mean()) < 0.2 < float(outputs.std(0).mean())
    assert batched("squared error", 10, True, 0)[1] < 0.3


def test_two_devices_send_what_a_ring_sends():
    count = 64 * 128 + 128 + 1290
    assert exchanged(1, (64, 128, 10)) == 0
    sent = 2 * bytes_sent("all_reduce", 4 * count, 2)
    assert sent < exchanged(2, (64, 128, 10)) < 1.001 * sent  # and the loss, a number


def test_what_is_given_is_a_whole_program():
    assert [case.name for case in whole.cases(whole.planted)] == [
        "it runs", "it trains: it knows new rows", "it returns the mean loss",
    ]  # fmt: skip


@needs_keras
@pytest.mark.full
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_keras_comes_to_the_same_cases(keras):
    """The programs of D1 and D3 on Keras itself, as they are and mended."""
    data = load_data("digits", 0)
    two, three = programs.two_layers, programs.three_layers
    case = by_name(keras_two.cases(keras_two.document))["it runs"]
    assert programs.caught(two, keras, 64) == case.number
    mended = programs.completed(two, x_train=data.x_train, y_train=data.y_train)
    keras.utils.set_random_seed(0)
    model = mended(keras, 64)
    right = float(model.evaluate(data.x_test, data.y_test, verbose=0)[1])
    assert right > 0.9 and fitted((64, 10), False, 10, 0)[1] > 0.9
    weights = [layer.kernel.shape for layer in model.layers]
    assert [tuple(shape) for shape in weights] == [(64, 64), (64, 10)]
    images, new = programs.pictures(data)
    assert "incompatible shape" in programs.caught(
        three, keras, images, data.y_train, new, data.y_test, 64
    )
    assert fitted((256, 128, 10), True, 5, 0)[0].startswith("RuntimeError")
    rows = programs.flat(images), data.y_train, programs.flat(new), data.y_test
    model, right = three(keras, *rows, 64)
    assert right > 0.9 and model.count_params() == 50_826
    before = model.get_weights()
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
    assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))
    case = by_name(keras_three.cases(keras_three.document))["`compile` initialises the parameters"]
    assert numbers(case.number) == [0, model.count_params()]

"""What a picture keeps from one to the next gives the same numbers as reading all anew."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course import MLP
from widgets import TrainingLab
from widgets.training import side
from widgets.training.sampling import Sample, Table
from widgets.training.view import Eye, View


@pytest.mark.parametrize("data", ["moons", "digits"])
def test_the_eye_sees_what_the_model_predicts(data):
    lab = TrainingLab(data, interactive=False)
    for change in (lambda: lab.run(5), lambda: lab.go_to(2), lab.restart, lambda: lab.run(3)):
        change()
        for n in (7, 10**4):
            view = View(lab)
            assert torch.equal(view.predict_tests(n), view.predict(view.data.x_test[:n]))


def test_the_eye_tells_networks_weights_and_rows_apart():
    eye, x = Eye(), torch.randn(9, 3)
    nets = [MLP([3, 4, 2], seed=seed) for seed in (0, 1)]
    for net in (*nets, nets[0]):
        for rows, n in ((x, 4), (x, 9), (x.clone(), 9), (x + 1, 9)):
            assert torch.equal(eye.predict(net, rows, n), net.predict(rows[:n]))
    nets[0].theta += 1  # in place, as a step does
    assert torch.equal(eye.predict(nets[0], x, 9), nets[0].predict(x))
    nets[0].to("cpu")  # other memory
    nets[0].theta += 1
    assert torch.equal(eye.predict(nets[0], x, 9), nets[0].predict(x))


@given(st.lists(st.integers(1, 5), min_size=2, max_size=4), st.integers(0, 9))
def test_weights_are_matrix_then_bias_layer_by_layer(sizes, seed):
    net = MLP(sizes, seed=seed)
    layers = list(net.to_module().parameters())  # in PyTorch's order: weight, bias, …
    expected = torch.cat([p.detach().ravel() for p in layers])
    assert np.array_equal(side.weights(net), expected.numpy())


cuts = st.lists(st.tuples(st.integers(0, 12), st.booleans()), max_size=8)


@given(cuts)
def test_a_table_of_samples_is_the_list_of_now(cuts):
    samples = [Sample(10 * i, *np.random.default_rng(i).random(6)) for i in range(12)]
    samples[3] = samples[3]._replace(edge=float("nan"))
    table = Table()
    for n, replaced in cuts:
        now = samples[:n]
        if replaced and now:
            now[-1] = now[-1]._replace(test_loss=7.0)
        rows = table.read(now)
        assert rows.shape == (n, 7)
        assert np.array_equal(rows, np.array(now).reshape(-1, 7), equal_nan=True)
        now.append(samples[0])  # the caller's list may grow


def test_samples_that_are_known_are_not_read_again():
    samples = [Sample(10 * i, *np.random.default_rng(i).random(6)) for i in range(3)]
    table = Table()
    assert table.read(samples) is table.read(list(samples))

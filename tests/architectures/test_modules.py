"""The modules against PyTorch's own: convolution, nn.RNN, attention; trained through `adopt`."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from course import Adam, CourseError, Descend, Trainer, adopt, chain, load_data
from course.architectures import (
    CNN,
    GPT,
    RNN,
    SelfAttention,
    Transformer,
    as_matrix,
    attention,
    error_signals,
    text_data,
)

KINDS = {
    "CNN": CNN, "RNN": lambda: RNN(16, 12), "Transformer": lambda: Transformer(width=16),
    "GPT": lambda: GPT(16, context=12),
}  # fmt: skip


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def data_for(kind):
    if kind == "GPT":
        return text_data(500, 12)
    return load_data("digits").subset(40)


# ---- convolution ----------------------------------------------------------------------------


def test_the_matrix_of_a_convolution_does_what_the_convolution_does():
    convolution = nn.Conv2d(2, 3, 3, padding=1).double()
    x = torch.randn(4, 2, 5, 5, dtype=torch.float64)
    W = as_matrix(convolution, 5)
    flat = F.linear(x.flatten(1), W, convolution.bias.repeat_interleave(25))
    assert torch.allclose(flat.view(4, 3, 5, 5), convolution(x), rtol=1e-12)
    assert W.shape == (75, 50)
    assert len(W.unique()) == 3 * 2 * 9 + 1  # and 0
    wide = nn.Conv2d(1, 1, 3, padding=1, bias=False)
    assert as_matrix(wide, 4).count_nonzero() == 100  # 4 places see 9, 8 see 6, 4 see 4: corners


# ---- recurrence -----------------------------------------------------------------------------


def test_the_states_are_those_of_torchs_rnn():
    ours = RNN(16, 12).double()
    theirs = nn.RNN(4, 12, batch_first=True).double()
    with torch.no_grad():
        theirs.weight_ih_l0.copy_(ours.read.weight)
        theirs.bias_ih_l0.copy_(ours.read.bias)
        theirs.weight_hh_l0.copy_(ours.recurrent.weight)
        theirs.bias_hh_l0.zero_()
    x = torch.randn(5, 64, dtype=torch.float64)
    states, _ = theirs(x.view(5, 16, 4))
    assert torch.allclose(torch.stack(ours.states(x), 1), states, rtol=1e-10, atol=1e-12)
    assert torch.allclose(ours(x), ours.last(states[:, -1]))


def test_the_error_signals_are_a_product_of_jacobians():
    model, x = RNN(8, 6).double(), torch.randn(3, 64, dtype=torch.float64)
    y = torch.tensor([1, 2, 3])
    states, R = model.states(x), model.recurrent.weight
    logits = model.last(states[-1])
    assert len(states) == 8
    delta = (logits.softmax(1) - F.one_hot(y, 10)) / 3 @ model.last.weight
    expected = [delta.norm().item()]
    for state in reversed(states[1:]):
        delta = delta * (1 - state**2) @ R
        expected.insert(0, delta.norm().item())
    assert error_signals(model, x, y) == pytest.approx(expected, rel=1e-10)


def test_the_gain_is_how_much_the_recurrence_stretches():
    for gain in (0.5, 1.5):
        values = torch.linalg.svdvals(RNN(8, 6, gain=gain).recurrent.weight)
        assert torch.allclose(values, torch.full((6,), gain), rtol=1e-5)


# ---- attention ------------------------------------------------------------------------------


@pytest.mark.parametrize("causal", [False, True])
def test_attention_is_torchs(causal):
    q, k, v = (torch.randn(2, 3, 5, 4, dtype=torch.float64) for _ in range(3))
    mean, weights = attention(q, k, v, causal)
    assert torch.allclose(mean, F.scaled_dot_product_attention(q, k, v, is_causal=causal))
    assert torch.allclose(weights.sum(-1), torch.ones(2, 3, 5, dtype=torch.float64))
    last, _ = attention(q[..., -2:, :], k, v, causal)  # the last places alone, as with a cache
    assert torch.allclose(last, mean[..., -2:, :])


@pytest.mark.parametrize("causal", [False, True])
def test_self_attention_is_torchs_multihead_attention(causal):
    ours = SelfAttention(12, 3, causal).double()
    theirs = nn.MultiheadAttention(12, 3, batch_first=True).double()
    with torch.no_grad():
        theirs.in_proj_weight.copy_(ours.project.weight)
        theirs.in_proj_bias.copy_(ours.project.bias)
        theirs.out_proj.weight.copy_(ours.out.weight)
        theirs.out_proj.bias.copy_(ours.out.bias)
    x = torch.randn(2, 7, 12, dtype=torch.float64)
    mask = torch.ones(7, 7, dtype=torch.bool).triu(1) if causal else None
    out, weights = theirs(x, x, x, attn_mask=mask, average_attn_weights=False)
    found, ours_weights, _ = ours(x)
    assert torch.allclose(found, out) and torch.allclose(ours_weights, weights)


def test_a_gpt_sees_no_later_character():
    model, tokens = GPT(16, context=12).double(), torch.randint(33, (2, 12))
    other = tokens.clone()
    other[:, 7:] = 5
    first, second = model(tokens), model(other)
    assert first.shape == (2, 33, 12)
    assert torch.allclose(first[..., :7], second[..., :7])
    assert not torch.allclose(first[..., 7:], second[..., 7:])


def test_without_its_places_a_transformer_does_not_know_the_order():
    """Attention and the mean over places treat all places alike."""
    model, x = Transformer(width=16).double(), torch.randn(3, 8, 8, dtype=torch.float64)
    turned = x[:, torch.randperm(8)]
    assert not torch.allclose(model(x), model(turned))
    with torch.no_grad():
        model.places.zero_()
    assert torch.allclose(model(x), model(turned))


# ---- training -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_it_trains_through_adopt_as_by_torch(kind):
    module, data = KINDS[kind](), data_for(kind)
    twin = copy.deepcopy(module)
    trainer = Trainer(adopt(module), data, chain(Descend(0.1)), batch_size=10)
    before, _ = trainer.evaluate("train")
    for _ in trainer.run(5):
        x, y = (part[trainer.batches.last_rows()] for part in (data.x_train, data.y_train))
        loss = F.cross_entropy(twin(x), y)
        loss.backward()
        with torch.no_grad():
            for p in twin.parameters():
                p -= 0.1 * p.grad
                p.grad = None
    for (name, p), q in zip(module.named_parameters(), twin.parameters(), strict=True):
        assert torch.allclose(p, q, atol=1e-5), name
    after, right = trainer.evaluate("train")
    guess = twin(data.x_train).argmax(1)
    assert after < before
    assert right == pytest.approx(float((guess == data.y_train).float().mean()), abs=0.02)


@pytest.mark.parametrize("kind", KINDS)
def test_its_inside_is_small_images_and_changes_nothing(kind):
    module, data = KINDS[kind]().eval(), data_for(kind)
    before = copy.deepcopy(module.state_dict())
    with torch.no_grad():
        pictures = module.inside(data.x_test[:4])
    for picture in pictures:
        assert picture.title and picture.values.ndim == 3
        assert len(picture.captions) in (0, len(picture.values))
        if not picture.signed:
            assert 0 <= float(picture.values.min()) <= float(picture.values.max()) <= 1 + 1e-6
    assert all(torch.equal(v, before[k]) for k, v in module.state_dict().items())


def test_what_they_draw_is_what_they_compute():
    x = load_data("digits").x_test[:4].float()
    cnn, rnn = CNN().eval(), RNN(16, 12)
    filters, answers = cnn.inside(x)
    assert torch.equal(filters.values, cnn.first.weight[:, 0])
    (expected,) = F.conv2d(
        x[:1].view(1, 1, 8, 8), cnn.first.weight, cnn.first.bias, padding=1
    ).relu()
    assert torch.allclose(answers.values, expected / expected.max())
    (states,) = rnn.inside(x)
    assert torch.allclose(states.values[2], torch.stack(rnn.states(x[2:3]))[:, 0], atol=1e-6)
    gpt, tokens = GPT(16, context=12), torch.randint(33, (2, 12))
    (maps,) = gpt.inside(tokens)
    assert maps.values.shape == (4, 12, 12) and maps.captions[2] == "2.1"
    assert not maps.values.triu(1).any() and torch.allclose(maps.values.sum(-1), torch.ones(4, 12))


# ---- refusals -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: CNN(side=6), "side = 6 does not halve twice; allowed: a multiple of 4"),
        (lambda: CNN(channels=0), "channels = 0 is out of range"),
        (lambda: RNN(7), "pieces = 7 do not divide 64 features; choose a divisor"),
        (lambda: RNN(gain=-1), "gain = -1 is out of range"),
        (lambda: Transformer(5), "pieces = 5 do not divide 64 features"),
        (lambda: Transformer(heads=3), "heads = 3 do not divide the width 32"),
        (lambda: Transformer(blocks=0), "blocks = 0 is out of range"),
        (lambda: GPT(context=0), "context = 0 is out of range"),
        (lambda: GPT(context=4)(torch.zeros(1, 5, dtype=torch.long)),
         "5 characters are more than the context of 4"),
    ],
)  # fmt: skip
def test_bad_numbers_are_refused(make, words):
    with pytest.raises(CourseError) as error:
        make()
    assert words in str(error.value)


def test_a_model_without_places_does_not_fit_answers_with_places():
    with pytest.raises(CourseError, match=r"gives \(2, 10\) for 2 rows of 'text'.*\(2, 33, 12\)"):
        adopted = adopt(nn.Sequential(nn.Embedding(33, 1), nn.Flatten(), nn.Linear(12, 10)))
        Trainer(adopted, text_data(500, 12), chain(Adam(), Descend(0.01)))

"""Parameters and FLOPs of the planner: against torch's own modules, and what was published."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from course.parallel.views.transformer import Sizes, meta
from course.planner import Model
from course.planner.flops import device_flops, model_flops, recomputed_flops
from course.planner.published import LLAMA, gpt, korthikanti
from course.planner.published_counts import numbers
from course.planner.traced import model_of_sizes

SMALL = st.integers(1, 6)


@pytest.mark.parametrize("number", numbers(), ids=lambda number: f"{number.group} {number.name}")
def test_a_published_number_is_met_to_its_last_digit(number):
    assert number.exact, (number.planned, number.printed)


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@settings(max_examples=25)
@given(SMALL, SMALL, st.integers(1, 4), st.integers(1, 90), st.integers(1, 90))
def test_parameters_equal_those_of_a_real_gated_transformer(layers, width, heads, ffn, vocab):
    sizes = Sizes(layers, heads * width, heads, ffn, vocab, 8)
    assert model_of_sizes(sizes).parameters == count(meta(sizes)) == sizes.parameters


@settings(max_examples=15)
@given(SMALL, st.integers(1, 5), st.integers(1, 4), st.integers(1, 60), st.booleans())
def test_parameters_equal_those_of_torchs_own_layers(layers, width, heads, ffn, tied):
    h, V, s = heads * width, 11, 7
    model = Model(layers, h, heads, V, s, ffn=ffn, tied=tied)
    with torch.device("meta"):
        layer = nn.TransformerEncoderLayer(h, heads, ffn)
        ends = [nn.Embedding(V, h), nn.Embedding(s, h), nn.LayerNorm(h)]
        ends += [] if tied else [nn.Linear(h, V, bias=False)]
    assert model.layer_parameters() == count(layer)
    assert model.parameters == layers * count(layer) + sum(map(count, ends))


class Mixture(nn.Module):
    """A layer with grouped-query attention and experts, written out."""

    def __init__(self, h, width, heads, kv, f, experts, shared):
        super().__init__()
        self.q, self.o = (nn.Linear(h, h, bias=False) for _ in range(2))
        self.k, self.v = (nn.Linear(h, kv * width, bias=False) for _ in range(2))
        self.norms = nn.ModuleList(nn.RMSNorm(h) for _ in range(2))
        self.router = nn.Linear(h, experts, bias=False)
        self.experts = nn.ModuleList(
            nn.ModuleList([nn.Linear(h, f, bias=False), nn.Linear(h, f, bias=False),
                           nn.Linear(f, h, bias=False)])
            for _ in range(experts + shared)
        )  # fmt: skip


@settings(max_examples=15)
@given(st.integers(1, 4), st.sampled_from([(4, 1), (4, 2), (6, 3), (2, 2)]), st.integers(1, 20),
       st.integers(2, 5), st.integers(0, 2), st.data())  # fmt: skip
def test_experts_and_grouped_queries_are_counted(width, heads, ffn, experts, shared, data):
    taken = data.draw(st.integers(1, experts))
    model = Model(3, heads[0] * width, heads[0], 11, 5, heads[1], ffn, gated=True, tied=False,
                  experts=experts, experts_per_token=taken, shared_experts=shared)  # fmt: skip
    with torch.device("meta"):
        layer = Mixture(model.hidden, width, *heads, ffn, experts, shared)
    assert model.layer_parameters() == count(layer)
    idle = (experts - taken) * count(layer.experts[0])
    assert model.layer_parameters(active=True) == count(layer) - idle
    assert model.parameters - model.active_parameters == 3 * idle


def test_llama_has_as_many_parameters_as_its_name_says():
    for name, model in LLAMA.items():
        assert abs(model.parameters / 1e9 / float(name.split()[0]) - 1) < 0.01


# ---- FLOPs ------------------------------------------------------------------------------------


@settings(max_examples=25)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9), st.integers(1, 9))
def test_flops_of_a_gpt_are_those_of_the_papers_equation(layers, h, vocab, s):
    model, B = gpt(layers, 96 * h, 1, 192 * vocab, 96 * s), 2
    L, h, V, s = layers, 96 * h, 192 * vocab, 96 * s
    whole = 96 * B * s * L * h * h * (1 + s / (6 * h) + V / (16 * L * h))
    assert device_flops(model, B, "full") == pytest.approx(whole, rel=1e-12)
    mine = 72 * B * s * L * h * h * (1 + s / (6 * h) + V / (12 * L * h))
    assert model_flops(model, B) == pytest.approx(mine, rel=1e-12)
    assert recomputed_flops(model, B, "none") == 0


def test_utilisation_is_the_published_one_and_theirs_counts_attention_twice_too_often():
    for row, mfu, hfu in zip(
        korthikanti()[1::2], (41.5, 51.4, 56.0, 56.3), (43.7, 52.8, 57.0, 57.0), strict=True
    ):
        peak = row.seconds * row.layout.devices * 312e12
        model, again = model_flops(row.model, row.batch), device_flops
        assert 100 * model / peak == pytest.approx(mfu, abs=0.2)  # 1.10 s has three digits
        core = recomputed_flops(row.model, row.batch, "selective")
        assert 100 * (model + 3 * core) / peak == pytest.approx(hfu, abs=0.2)
        assert again(row.model, row.batch, "selective") == model + core

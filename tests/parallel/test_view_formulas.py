"""What views count and print, by arithmetic: nothing is cut, nothing traced."""

import pytest
import torch
import torch.nn.functional as F

from course import MLP, CourseError
from course.parallel.views import Count, Sizes, Trace, Traffic, Transformer, View
from course.parallel.views.formulas import ours, textbook
from course.parallel.views.trace import at, line
from course.parallel.views.transformer import meta
from course.parallel.views.view import check_run, descent, shape, shortened

# L, h, heads, f, V, T, B: all different primes or their products
SIZES = Sizes(layers=3, hidden=20, heads=4, ffn=28, vocab=11, sequence=7, batch=5)
L, H, FFN, V, T, B = 3, 20, 28, 11, 7, 5
LAYER, ENDS = 4 * H * H + 3 * H * FFN, 2 * V * H + H
N = L * (LAYER + 2 * H) + ENDS


def test_sizes_are_those_of_the_module():
    module = meta(SIZES)
    assert SIZES.parameters == N == sum(p.numel() for p in module.parameters())
    block = module.blocks[0]
    assert SIZES.layer_weights == LAYER == sum(p.numel() for p in block.parameters()) - 2 * H
    assert SIZES.end_weights == ENDS
    shapes = {tuple(p.shape) for p in block.parameters() if p.ndim == 2}
    assert {*SIZES.columns, *SIZES.rows} == shapes


@pytest.mark.parametrize(("data", "tensor"), [(1, 1), (2, 1), (1, 4), (3, 4)])
def test_our_count_is_that_of_sharded_matrices(data, tensor):
    tokens = B * T
    layer = LAYER // tensor + 2 * H
    weights = L * layer + ENDS
    expected = {
        "all_gather": Traffic("all_gather", data, 2 * (L + 1), 2 * weights * 2),
        "reduce_scatter": Traffic("reduce_scatter", data, L + 1, 4 * weights),
        "all_reduce": Traffic("all_reduce", tensor, 7 * L, 7 * L * tokens * H * 2),
    }
    found = ours(SIZES, data, tensor)
    assert found.traffic == {kind: t for kind, t in expected.items() if t.ranks > 1}
    matrices = L * LAYER // tensor + V * H
    assert found.flops == (6 * matrices + 12 * L * T * H // tensor) * tokens


@pytest.mark.parametrize(("data", "tensor"), [(2, 1), (3, 4)])
def test_the_textbooks_count_divides_everything(data, tensor):
    tokens = B * T
    expected = {
        "all_gather": Traffic("all_gather", data, 2 * L, 4 * (N // tensor)),
        "reduce_scatter": Traffic("reduce_scatter", data, L, 4 * (N // tensor)),
        "all_reduce": Traffic("all_reduce", tensor, 4 * L, 4 * L * tokens * H * 2),
    }
    found = textbook(SIZES, data, tensor)
    assert found.traffic == {kind: t for kind, t in expected.items() if t.ranks > 1}
    assert found.flops == (6 * (N - V * H) + 12 * L * T * H) * tokens // tensor


def test_layers_go_on_in_a_line():
    assert [at(5, 8, layers) for layers in (1, 2, 3, 10)] == [5, 8, 11, 32]
    one, two = (Count({"all_reduce": Traffic("all_reduce", 4, 7 * n, 100 * n + 1)}, 1000 * n + 3)
                for n in (1, 2))  # fmt: skip
    assert line(one, two, 5) == Count({"all_reduce": Traffic("all_reduce", 4, 35, 501)}, 5003)


def test_traffic_in_words():
    pairs = (0, 0), (1, 999), (2, 1000), (1200, 2_500_000), (3, 10**9)
    found = [str(Traffic("all_reduce", 4, *pair)) for pair in pairs]
    assert found == ["none", "1 call, 999 B", "2 calls, 1.00 kB", "1,200 calls, 2.50 MB",
                     "3 calls, 1.00 GB"]  # fmt: skip
    assert Traffic("all_reduce", 4, 1, 400).sent == 600


# ---- the Transformer ----------------------------------------------------------------------------


def reference(module: Transformer, tokens: torch.Tensor) -> torch.Tensor:
    """Return the logits, written out: one head, one token at a time."""
    x = module.embedding.weight[tokens]
    for block in module.blocks:
        a, h = block.attention, rms(x, block.norms[0].weight)
        q, k, v = (h @ m.weight.T for m in (a.query, a.key, a.value))
        heads = []
        for part in torch.arange(H).split(H // 4):
            scores = q[..., part] @ k[..., part].mT / (H // 4) ** 0.5
            after = torch.ones(T, T).triu(1).bool()
            heads.append(scores.masked_fill(after, -torch.inf).softmax(-1) @ v[..., part])
        x = x + torch.cat(heads, -1) @ a.out.weight.T
        h, f = rms(x, block.norms[1].weight), block.ffn
        x = x + (F.silu(h @ f.gate.weight.T) * (h @ f.up.weight.T)) @ f.down.weight.T
    return rms(x, module.norm.weight) @ module.head.weight.T


def rms(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    return x / (x * x).mean(-1, keepdim=True).add(torch.finfo(x.dtype).eps).sqrt() * weight


def test_the_transformer_is_the_one_that_is_described():
    module = Transformer(SIZES).double()
    for p in module.parameters():
        torch.nn.init.normal_(p, std=0.3)
    tokens = torch.randint(V, (B, T))
    torch.testing.assert_close(module(tokens), reference(module, tokens), rtol=0, atol=1e-12)


# ---- what is printed ----------------------------------------------------------------------------


def trace(**changes) -> Trace:
    program = Count({"all_gather": Traffic("all_gather", 3, 7, 4000)}, 1000)
    book = Count({"all_reduce": Traffic("all_reduce", 4, 2, 10)}, 900)
    fields = {"sizes": SIZES, "data": 3, "tensor": 4, "program": program,
              "ours": ours(SIZES, 3, 4), "textbook": book, "fused_flops": 750, "layers": 2,
              "seconds": 1.25}  # fmt: skip
    return Trace(**fields | changes)


def test_a_trace_prints_as_a_table_of_three():
    lines = repr(trace()).splitlines()
    assert lines[0] == (f"{N:,} parameters on 12 ranks: 3 data × 4 tensor; 2 of 3 layers traced in "
                        "1.2 s")  # fmt: skip
    cells = [[cell.strip() for cell in row.split("   ") if cell.strip()] for row in lines[1:]]
    assert cells[0] == ["a rank's step", "the program", "course.parallel", "the textbook"]
    assert cells[1][:2] == ["all_gather, 3 ranks", "7 calls, 4.00 kB"] and cells[1][3] == "none"
    assert cells[2][0] == "all_reduce, 4 ranks" and cells[2][1] == "none"
    assert cells[3][:2] == ["FLOPs", "1000"] and cells[4][1] == "0.750 of it"
    assert len({*map(len, lines[1:])}) == 1
    assert "all layers traced" in repr(trace(layers=3))
    billion = Sizes(layers=1, hidden=1000, heads=1, ffn=1, vocab=497_997)
    assert billion.parameters == 10**9
    assert repr(trace(sizes=billion)).startswith("1.00 B parameters")


def test_why_a_trace_differs_is_told_of_what_is_there():
    ends, weights = 2 * ENDS, ours(SIZES, 3, 4).traffic["all_gather"].n_bytes
    gathered = Traffic("all_gather", 3, 7, weights - ends + 1234)
    found = trace(program=Count({"all_gather": gathered}, 1000)).why().splitlines()
    assert len(found) == 5
    assert found[0].endswith("one all_gather less than ours, 920 B.") and ends == 920
    assert found[1].endswith("a multiple of 3 ranks: 1.23 kB more in all_gather.")
    assert "each of the 4 tensor-parallel ranks has the whole" in found[3]
    assert "25.0% of the FLOPs are missed" in found[4]
    assert len(trace(data=1).why().splitlines()) == 3
    assert len(trace(data=1, tensor=1).why().splitlines()) == 1


def test_a_view_prints_as_a_table_of_parts():
    shards = {"0.weight": [torch.zeros(2, 3), torch.zeros(1, 3)],
              "b": [torch.zeros(()), torch.zeros(2)]}  # fmt: skip
    whole = {"0.weight": torch.zeros(3, 3), "b": torch.zeros(3)}
    view = View("title", [2.0, 1.0, 0.5], shards, {}, {}, whole, [], 1e-16)
    assert repr(view).splitlines() == [
        "title",
        "  0.weight       3×3 =      2×3      1×3",
        "  b                3 =        1        2",
        "weights on each rank, of 12: 7, 5",
        "collectives of a step: none",
        "loss 2 → 0.5; largest difference from one process: 1.0e-16",
    ]
    assert [view.numbers(rank) for rank in range(2)] == [7, 5]
    assert shape(torch.zeros(2, 3, 4)) == "2×3×4" and shape(torch.zeros(())) == "1"
    assert shortened([*"12345678"]) == [*"12345678"]
    assert shortened([*"123456789"]) == [*"123456", "…", "9"]


def test_a_view_trains_by_descent_unless_it_is_told_otherwise():
    p = torch.nn.Parameter(torch.ones(1))
    p.grad = torch.full((1,), 2.0)
    descent([p]).step()
    assert float(p.detach()) == pytest.approx(0.8)


def test_a_view_takes_as_many_rows_as_ranks():
    network, x, y = MLP([3, 4, 2]), torch.zeros(2, 3), torch.zeros(2, dtype=torch.long)
    check_run(network, x, y, 2, 1, descent)
    with pytest.raises(CourseError, match="2 rows cannot be shared by 3 ranks"):
        check_run(network, x, y, 3, 1, descent)
    network = MLP([3, 4, 4, 2], dropout=0.5)
    network.dropouts()[0].p = 0.0  # one of two
    with pytest.raises(CourseError, match="the network has dropout"):
        check_run(network, x, y, 2, 1, descent)

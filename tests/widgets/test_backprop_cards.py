"""Where the numbers of a network stand: inside their cards, apart, in the middle, lines at rows."""

import re
from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_backprop_batch import batches, few

from widgets.backprop.cards import ROW, VALUE, batch, sample
from widgets.common.stills.maps import HEAD
from widgets.common.stills.trace import places

PAD = 5
FORWARD = {"w", "b", "z", "a", "yhat", "y", "x"}


def kind_of(name: str) -> str:
    return re.match(r"(doc|delta|loss|yhat|da|d?w|d?b|[a-z]+)", name)[1]


def layer_of(name: str, depth: int) -> int:
    if kind_of(name) == "x":
        return 0
    number = re.match(r"[a-z]+(\d+)", name)
    return int(number[1]) if number else depth  # y, yhat and the loss have none


def overlap(one, other) -> bool:
    (_, x, y, width, _), (_, left, top, wide, _) = one, other
    return x < left + wide and left < x + width and abs(y - top) < ROW


@few
@given(batches(), st.booleans(), st.booleans())
def test_numbers_stand_inside_their_card_apart_and_in_the_middle(graph, document, together):
    cards = batch(graph, document) if together else sample(graph.traces[0], document)
    for card in cards["cards"]:
        cells = card["cells"]
        assert all(width >= VALUE for _, _, _, width, _ in cells)
        assert not any(overlap(a, b) for i, a in enumerate(cells) for b in cells[:i])
        columns = defaultdict(list)
        for _, x, y, width, _ in cells:
            columns[x + width].append(y)
        for rows in columns.values():  # as much room above as below
            assert min(rows) == pytest.approx(card["height"] - max(rows) - ROW)
            assert min(rows) >= PAD
        assert min(x for _, x, *_ in cells) == PAD == card["width"] - max(columns)
        for end, words, align in card["heads"]:
            assert words and align == "right" and end + 4 in columns


@few
@given(batches(), st.booleans())
def test_every_number_of_a_sample_has_one_place_and_each_line_ends_at_its_row(graph, document):
    trace = graph.traces[0]
    drawn = sample(trace, document)
    cards, middles = drawn["cards"], {}
    for number, card in enumerate(cards):
        for name, _, y, _, _ in card["cells"]:
            assert name not in middles, "shown twice"
            middles[name] = (number, y + ROW / 2)
    assert {n for n in trace.values if kind_of(n) in {"x", "w", "b", "z", "y"}} <= set(middles)
    depth, lines = trace.depth, {edge["name"]: edge for edge in drawn["edges"] if edge["name"]}
    assert set(lines) == {name for name in middles if kind_of(name) == "w"}
    for name, line in lines.items():
        assert line["to"] == pytest.approx(middles[name])
        layer, source = layer_of(name, depth), re.search(r",(\d+)\]", name)[1]
        above = f"a{layer - 1}[{source}]" if layer > 1 else f"x[{source}]"
        assert line["from"] == pytest.approx(middles[above])
    last = {"cross_entropy": "yhat[{}]", "bce": "yhat[{}]", "mse": "z" + str(depth) + "[{}]"}
    answers = [last[trace.loss].format(i) for i in range(1, trace.sizes[-1] + 1)]
    ends = [edge for edge in drawn["edges"] if not edge["name"]]
    assert [e["from"] for e in ends] == [pytest.approx(middles[name]) for name in answers]
    assert all(e["to"] == pytest.approx(middles["loss"]) for e in ends)


@few
@given(batches(), st.booleans())
def test_cards_of_a_column_stand_below_each_other_around_one_middle(graph, document):
    drawn = sample(graph.traces[0], document)
    columns = defaultdict(list)
    for card in drawn["cards"]:
        columns[card["column"]].append(card)
    assert sorted(columns) == list(range(len(graph.sizes) + 1))
    centres = []
    for cards in columns.values():
        tops, lows = [c["top"] for c in cards], [c["top"] + c["height"] for c in cards]
        assert all(low + 20 < top for low, top in zip(lows, tops[1:], strict=False))
        assert [bool(c["title"]) for c in cards] == [True] + [False] * (len(cards) - 1)
        centres.append((tops[0] + lows[-1]) / 2)
        assert tops[0] >= 40 and lows[-1] <= drawn["tall"]
    assert centres == pytest.approx([centres[0]] * len(centres))
    assert drawn["tall"] == max(c["top"] + c["height"] for c in drawn["cards"])


@few
@given(batches(), st.booleans())
def test_a_batch_has_a_row_forward_and_one_backward_for_each_layer(graph, document):
    found = set()
    for card in batch(graph, document)["cards"]:
        for name, *_ in card["cells"]:
            layer = layer_of(name, graph.depth)
            row = 2 * layer - (kind_of(name) in FORWARD) if layer else 0
            assert card["column"] == row, name
            assert name not in found, "shown twice"
            found.add(name)
    kinds = {"doc"} if document else set()
    assert {kind_of(name) for name in found} >= {"x", "w", "b", "z", "dw", "delta", "loss"} | kinds
    assert {n for n in graph.values if kind_of(n) in {"x", "w", "b", "y"} and ":" in n} <= found


@few
@given(batches(), st.booleans(), st.sampled_from((320, 760, 1200)))
def test_cards_lie_apart_below_the_heading_whatever_the_width(graph, together, width):
    panel = batch(graph, False) if together else sample(graph.traces[0], False)
    laid = places(panel, width)
    boxes = [
        (x, y, x + card["width"], y + card["height"])
        for (x, y), card in zip(laid.corners, panel["cards"], strict=True)
    ]
    for number, (left, top, right, low) in enumerate(boxes):
        assert left >= 0 and HEAD <= top and low <= laid.height
        for x0, y0, x1, y1 in boxes[:number]:
            assert right <= x0 or x1 <= left or low <= y0 or y1 <= top
    assert laid.flows or all(right <= width for _, _, right, _ in boxes)

"""What 5_1_architectures says and tells a learner to watch is there: its own cells are run."""

import nbformat
import pytest
import torch

from course.architectures import longest_text

CHAPTER = "5_1_architectures"


@pytest.fixture(scope="module")
def cells(request):
    path = request.config.rootpath / "notebooks" / f"{CHAPTER}.ipynb"
    return {c.id: c for c in nbformat.read(path, as_version=4).cells}


def lab_of(names, cells, cell):
    """The lab of a cell, without a front end and before its first step."""
    quiet = {"TrainingLab": lambda *a, **k: names["TrainingLab"](*a, interactive=False, **k)}
    found = names | quiet
    exec(cells[cell].source.rstrip().removesuffix("\nlab"), found)
    names |= {k: v for k, v in found.items() if k not in quiet}
    return found["lab"]


@pytest.fixture(scope="module", params=[0, 1])
def names(request, cells):
    """What the cells define, with two seeds."""
    found = {"seed": request.param, "device": "cpu"}
    exec(cells["imports"].source, found)
    lab_of(found, cells, "touch-lab")
    for name in ("experiment", "experiment-two", "text-code"):
        exec(cells[name].source, found)
    return found


def train_loss(lab):
    return lab.trainer.evaluate("train")[0]


def test_filters_take_shape_while_the_loss_falls(names, cells):
    lab = lab_of(names, cells, "touch-lab")
    first = lab.trainer.model.module.first.weight
    before, loss = first.detach().clone(), train_loss(lab)
    lab.run(120)
    assert train_loss(lab) < 0.4 * loss
    assert float((first.detach() - before).norm() / before.norm()) > 0.3


@pytest.mark.full
def test_the_shuffle_costs_the_cnn_alone_on_every_seed(names):
    found = names["experiment"]()
    assert names["who"](found) == "the CNN alone"
    fell = {name: (pairs[:, 0] - pairs[:, 1]) for name, pairs in found.items()}
    assert float(fell["CNN"].min()) > 0 and float(fell["MLP"].abs().median()) < 0.02


def test_for_fully_connected_layers_a_shuffle_is_other_columns(names):
    """With the first matrix's columns in the new order, the two runs are the same run."""
    order = torch.randperm(64, generator=torch.Generator().manual_seed(3))
    plain = names["digits"].subset(100)
    ends = []
    for data, columns in ((plain, torch.arange(64)), (names["shuffled"](plain, order), order)):
        trainer = names["trainer_of"](
            names["MLP"], data, 0, names["Adam"](), names["Descend"](3e-3)
        )
        with torch.no_grad():
            first = trainer.model.module[0].weight
            first.copy_(first[:, columns].clone())
        for _ in trainer.run(30):
            pass
        ends.append(trainer.model.predict(data.x_test))
    assert torch.allclose(*ends, rtol=1e-3, atol=1e-3)


def test_the_signal_vanishes_at_a_small_gain_and_explodes_at_a_large_one(names):
    ratios = []
    for gain in (0.5, 1.0, 3.0):
        made = names["made"](lambda gain=gain: names["RNN"](pieces=32, gain=gain), names["seed"])
        found = names["error_signals"](
            made,
            names["digits"].x_train[:256],
            names["digits"].y_train[:256],
        )
        ratios.append(found[0] / found[-1])
    assert ratios[0] < 1e-6 < ratios[1] < 0.1 and ratios[2] > 10


def test_the_recurrent_network_needs_clipping(names, cells):
    lab = lab_of(names, cells, "rnn-lab-code")
    lab.run(150)
    assert train_loss(lab) > 1.7
    lab.go_to(0)
    lab.set("clip", "norm")
    lab.set("threshold", 0.5)
    lab.run(150)
    assert train_loss(lab) < 1.0


def test_at_first_a_gpt_looks_at_all_earlier_places_alike_and_a_high_rate_throws_it_back(
    names, cells
):
    lab = lab_of(names, cells, "gpt-lab-code")
    module, x = lab.trainer.model.module, names["text"].x_test

    def evenness():
        """The largest weight of each row times the number of places that it sees, on average."""
        with torch.no_grad():
            (maps,) = module.inside(x)
        seen = torch.arange(1, x.shape[1] + 1)
        return float((maps.values.amax(-1) * seen)[:, 5:].mean())

    at_first = evenness()
    lab.run(80)
    assert at_first < 2.2 < 3 < evenness()
    low = train_loss(lab)
    lab.set("lr", 0.3)
    lab.run(20)
    assert train_loss(lab) > low + 1


@pytest.fixture(scope="module")
def models(names, cells):
    lab_of(names, cells, "gpt-lab-code")
    found = dict(names)
    exec(cells["snapshots"].source, found)
    return found["models"]


def test_cold_text_repeats_itself_and_hot_text_is_wrong(names, models):
    repeats, write = names["share_of_repeats"], names["write"]
    for steps, model in models.items():
        texts = {
            heat: [write(model, ";", 150, heat, s) for s in range(3)] for heat in (0.0, 0.3, 1.4)
        }
        mean = {heat: sum(map(repeats, found)) / 3 for heat, found in texts.items()}
        assert mean[0.0] > mean[1.4] + 0.2, (steps, mean)
        if steps == 300:
            good = {h: names["share_right"](";" + ";".join(t)) for h, t in texts.items()}
            assert good[0.3] > good[1.4] + 0.2, good


def test_greedy_text_runs_into_a_loop_in_time(names, models):
    for context in (1, 2):
        text = ";;"[:context] + names["write"](models[300], ";;"[:context], 1300, context=context)
        found = names["loop"](text)
        assert found is not None and found.start + found.period <= longest_text(33, context) + 1


def test_the_cells_that_compare_say_what_the_prose_says(cells):
    """The stored outputs: every referee agrees, three seeds clipped end below all that are not."""
    for cell in cells.values():
        if cell.cell_type == "code" and "referee" in cell.metadata.get("tags", []):
            said = "".join(o.get("text", "") for o in cell.outputs)
            assert "equal to rounding" in said and "differ" not in said.splitlines()[-1][:30]
    lines = "".join(o.get("text", "") for o in cells["clipped"].outputs).splitlines()
    loose, clipped = ([float(v) for v in line.split("loss ")[1].split(", ")] for line in lines)
    assert max(clipped) < 0.6 * min(loose)

"""Data sets by name, and again from what they were made of."""

import json
from dataclasses import replace

import pytest
import torch
from data_rows import same

from course.data import loading
from course.data.loading import DTYPES, build_data, load_data
from course.data.preprocess import standardise
from course.data.synthetic import LOADERS
from course.errors import CourseError


@pytest.mark.parametrize(
    "options, message",
    [({"name": "mnst"}, "'mnst'.*'digits'.*'fashion_mnist'"), ({"seed": -1}, "seed = -1"),
     ({"test_share": 1}, "test_share = 1"), ({"test_share": 0}, "test_share = 0"),
     ({"test_share": "half"}, "test_share = 'half'"), ({"test_share": 1e-9}, "test data"),
     ({"dtype": torch.int64}, "dtype = torch.int64"), ({"dtype": "float32"}, "'float32'"),
     ({"name": None}, "dataset = None")],
)  # fmt: skip
def test_load_data_refuses(options, message):
    with pytest.raises(CourseError, match=message):
        load_data(**{"name": "moons", **options})


def test_the_usual_share_is_a_fifth_and_the_usual_seed_0():
    data = load_data("moons")
    assert same(data, load_data("moons", 0, 0.2, torch.float32)) and len(data.y_test) == 200


@pytest.mark.parametrize("name", LOADERS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_source_as_json_gives_the_same_set_again(name, dtype):
    data = load_data(name, seed=3, test_share=0.3, dtype=DTYPES[dtype])
    assert data.x_train.dtype == DTYPES[dtype]
    source = json.loads(json.dumps(data.source))
    assert source == {"name": name, "seed": 3, "test_share": 0.3, "dtype": dtype}
    again = build_data(source)
    assert same(data, again) and again.source == data.source


def test_each_step_is_taken_again_in_its_order():
    data = standardise(load_data("digits").subset(200, seed=2).with_validation(0.3, 5)).images()
    source = json.loads(json.dumps(data.source))
    assert [name for name, _ in source["then"]] == [
        "subset", "with_validation", "standardise", "images",
    ]  # fmt: skip
    again = build_data(source)
    assert same(data, again) and again.source == data.source
    assert same(build_data(source | {"then": list(map(tuple, source["then"]))}), data)
    assert same(build_data({"name": "moons"}), load_data("moons"))


@pytest.mark.parametrize(
    "source, message",
    [(None, "data = None is not the source"), ([], "not the source"), ("moons", "not the source"),
     ({}, "a source, has missing"), ({"nme": "moons"}, "a source, has missing"),
     ({"name": "moons", "then": "images"}, "not the source"),
     ({"name": "moons", "then": {}}, "not the source"),
     ({"name": "moons", "then": ()}, "not the source"),
     ({"name": "moons", "dtype": "int64"}, "dtype = 'int64'"),
     ({"name": "moons", "dtype": torch.float32}, "dtype = torch.float32"),
     ({"name": "moons", "then": [["subset"]]}, r"data step \['subset'\]; it must be"),
     ({"name": "moons", "then": ["xy"]}, "data step 'xy'; it must be"),
     ({"name": "moons", "then": [["subset", {"n": 3}, 1]]}, "data step .*; it must be"),
     ({"name": "moons", "then": [["noisy_labels", {}]]}, "data step = 'noisy_labels'"),
     ({"name": "moons", "then": [["subset", {"m": 3}]]}, r"data step \['subset'.*missing or unkn"),
     ({"name": "moons", "then": [["subset", {"n": 0}]]}, "n = 0"),
     ({"name": "moons", "then": [["images", {}]]}, "no image_shape")],
)  # fmt: skip
def test_what_is_no_source_is_refused(source, message):
    with pytest.raises(CourseError, match=message):
        build_data(source)


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_a_downloaded_set_is_asked_for_with_the_same_options(name, monkeypatch):
    asked = []

    def load_mnist(*args, **options):
        asked.append((args, options))
        return replace(load_data("moons"), name=loaded, source={"of": loaded})

    monkeypatch.setattr(loading, "load_mnist", load_mnist)
    loaded = name
    options = {"seed": 4, "test_share": 0.3, "stacklevel": 3}  # a warning names the caller's line
    data = load_data(name, 4, 0.3, torch.float64)
    assert asked == [((name, torch.float64), options)]
    assert data.source == {"name": name, "seed": 4, "test_share": 0.3, "dtype": "float64"}
    loaded = "digits"  # without a network
    assert load_data(name, 4, 0.3, torch.float64).source == {"of": "digits"}


def test_writing_into_a_set_does_not_change_the_next_one():
    for dtype in (torch.float32, torch.float64):
        first = load_data("digits", 3, dtype=dtype)
        kept = [(x.clone(), y.clone()) for _, x, y in first.splits()]
        for _, x, y in first.splits():
            x.zero_(), y.zero_()
        for (x, y), (_, again, labels) in zip(
            kept, load_data("digits", 3, dtype=dtype).splits(), strict=True
        ):
            assert torch.equal(x, again) and torch.equal(y, labels) and x.any() and y.any()

"""The canary: which private names of torch the views use, and that each is still there."""

import re
from importlib import import_module
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch.testing._internal.distributed.multi_threaded_pg import ProcessLocalGroup

import course.parallel.views as views
from course import MLP, CourseError
from course.parallel.views import private

ATTRIBUTES = [  # of private classes
    ("LocalTensor", "reconcile"),
    ("CollectiveOp", "get_process_group"),
    ("CollectiveOp", "get_comm_tensor_size"),
    *(("FSDPMemTracker", name) for name in
      ("track_inputs", "reset_mod_stats", "get_tracker_snapshot")),
    ("Schedule1F1B", "_get_pipeline_order"),
    *(("ProcessLocalGroup", name) for name in
      ("exception_handle", "reset", "allreduce", "allgather", "reduce_scatter", "broadcast")),
]  # fmt: skip
ELSEWHERE = [  # what torch documents but does not export, and what only the tests use
    ("torch.utils._python_dispatch", "TorchDispatchMode"),
    ("torch._C", "_is_multithreading_enabled"),
    ("torch.distributed.distributed_c10d", "_world"),
]


@pytest.mark.parametrize(("module", "name"), ELSEWHERE)
def test_torch_still_has_what_stands_elsewhere(module, name):
    assert hasattr(import_module(module), name)


@pytest.mark.parametrize("name", private.PRIVATE)
def test_torch_still_has(name):
    assert hasattr(import_module(private.PRIVATE[name]), name)


@pytest.mark.parametrize(("name", "attribute"), ATTRIBUTES)
def test_the_class_still_has(name, attribute):
    assert hasattr(private.private(name), attribute)


def test_a_local_tensor_still_keeps_a_tensor_for_each_rank():
    tensor = private.private("LocalTensor")({0: torch.zeros(2), 1: torch.ones(3)})
    assert torch.equal(tensor._local_tensors[1], torch.ones(3))


def test_the_threaded_group_still_runs_each_collective_by_these_methods():
    for name in ("all_gather_single", "reduce_scatter_single", "barrier"):
        calls = getattr(ProcessLocalGroup, name).__code__.co_names
        assert {"allgather", "reduce_scatter", "allreduce"} & set(calls)


def test_private_names_stand_in_one_file():
    private_name = re.compile(r"torch\.(?:[\w.]*\.)?(_\w+)")
    for path in Path(views.__file__).parent.glob("*.py"):
        found = set(private_name.findall(path.read_text("utf-8")))
        allowed = {"_python_dispatch"}  # which torch documents
        assert path.name == "private.py" or found <= allowed, (path.name, found)


def test_the_version_that_is_known_to_work_is_the_one_that_is_tested():
    lock = Path(__file__).parents[2] / "binder/constraints.txt"
    assert f"torch=={private.KNOWN}." in lock.read_text("utf-8")


@pytest.mark.parametrize("name", ["LocalTensorMode", "_install_threaded_pg", "FakeStore"])
def test_a_torch_without_it_is_refused_before_anything_starts(name, monkeypatch):
    monkeypatch.setitem(private.PRIVATE, name, "torch.nothing")
    net, x, y = MLP([4, 8, 2]), torch.randn(6, 4), torch.zeros(6, dtype=torch.long)
    view = {
        "LocalTensorMode": lambda: views.view_tensor_parallel(net, x, y, 2),
        "_install_threaded_pg": lambda: views.view_fully_sharded(net, x, y, 2),
        "FakeStore": lambda: views.trace_step(views.Sizes(1, 8, 2, 8, 8, 4), 2),
    }[name]
    with pytest.raises(CourseError, match=rf"has no torch.nothing.{name}.* with torch 2\.13"):
        view()
    assert not dist.is_initialized()

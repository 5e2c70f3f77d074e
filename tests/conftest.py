"""One thread, the devices this machine has, one server of kernels; the lanes and the workers."""

import contextlib
import os

import lanes
import pytest
import torch
from hypothesis import settings

settings.register_profile("course", deadline=None)  # the suite asserts no time
settings.load_profile("course")

MOST_WORKERS = 4  # the browser's tests and the kernels' take three; more only wait for them


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config):
    """Take a worker a core; none for files by name, which are done before workers are up."""
    named = all(arg.split("::")[0].endswith(".py") for arg in config.args)
    count = getattr(os, "sched_getaffinity", lambda _: range(os.cpu_count() or 1))
    cores = min(len(count(0)), MOST_WORKERS)
    return 0 if named or cores == 1 else cores


def pytest_make_parametrize_id(config, val, argname):
    """Name a long text by its length: the name of a test goes from process to process."""
    return f"{argname} of {len(val):,}" if isinstance(val, str | bytes) and len(val) > 400 else None


def pytest_report_header(config):
    return lanes.header()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """Mark by lane and by what tests share; leave out what is slow and not its turn."""
    for item in items:
        if lanes.is_heavy(item):
            item.add_marker("full")
        if name := lanes.group(item):
            item.add_marker(pytest.mark.xdist_group(name))
        if lanes.is_fast(item):
            item.add_marker("fast")
    if "full" in config.option.markexpr or any("::" in arg for arg in config.args):
        return
    slow = [item for item in items if item.get_closest_marker("full")]
    left = {item for place, item in enumerate(slow) if not lanes.is_chosen(item, place)}
    config.hook.pytest_deselected(items=list(left))
    items[:] = [item for item in items if item not in left]


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)
    torch.manual_seed(0)


@pytest.fixture(
    params=[
        "cpu",
        pytest.param(
            "cuda",
            marks=[
                pytest.mark.gpu,
                pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here"),
            ],
        ),
    ]
)
def device(request):
    return request.param


@pytest.fixture(scope="session")
def kernels():
    """The folder that offers pre-loaded kernels as JUPYTER_PATH; None where none can be had."""
    from course.publishing.preloaded_kernels import preloaded

    with preloaded() as home:
        yield home


@pytest.fixture
def shared_kernels(monkeypatch, kernels):
    """`course regenerate` in this process uses the one server."""
    from course.publishing import regenerate

    monkeypatch.setattr(regenerate, "preloaded", lambda: contextlib.nullcontext(kernels))
    return kernels

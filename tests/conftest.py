"""One thread, the devices this machine has, one server of kernels: shared by all tests."""

import contextlib

import pytest
import torch


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

"""MNIST and Fashion-MNIST: IDX files and downloads. Referees: IDX files made here, known hashes.

No test touches the network: what is downloaded here comes from a loopback server or a function.
"""

import gzip
import hashlib
import logging
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course.data import mnist
from course.data.dataset import Dataset
from course.data.loading import load_data
from course.data.mnist import FetchError, Source, fetch, load_mnist, read_idx
from course.errors import CourseError

examples = settings(derandomize=True, deadline=None, max_examples=40)
DTYPE = torch.float64


def same(a: Dataset, b: Dataset) -> bool:
    pairs = zip(a.splits(), b.splits(), strict=True)
    return all(torch.equal(x, u) and torch.equal(y, v) for (_, x, y), (_, u, v) in pairs)


# ---- IDX files ----------------------------------------------------------------------------------


def idx(values: np.ndarray) -> bytes:
    header = struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape)
    return header + values.astype(np.uint8).tobytes()


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("idx")


@examples
@given(st.lists(st.integers(1, 6), min_size=1, max_size=4), st.booleans(), st.integers(0, 99))
def test_an_idx_file_reads_back(folder, shape, packed, seed):
    values = np.random.default_rng(seed).integers(0, 256, shape)
    content = gzip.compress(idx(values)) if packed else idx(values)
    tensor = read_idx(write(folder / ("a.gz" if packed else "a"), content))
    assert tensor.dtype == torch.uint8 and np.array_equal(tensor, values)


IDX = idx(np.arange(6).reshape(2, 3))
GZ = gzip.compress(IDX, mtime=0)


@pytest.mark.parametrize(
    "name, content, reason",
    [("a", b"", "starts with ''"), ("a", b"\1" + IDX[1:], "starts with '01 00 08 02'"),
     ("a", b"\0\0\x08", "number of axes"), ("a", b"\0\0\x0d" + IDX[3:], "'00 00 0d 02'"),
     ("a", IDX[:9], "12 bytes.*9"), ("a", IDX[:-1], r"\[2, 3\].*size 5"),
     ("a", IDX + b"\0", r"\[2, 3\].*size 7"), ("a", b"\0\0\x08\0", "offset"),
     ("a", struct.pack(">I2I", 0x802, 2**31, 2) + b"1", "size 1"),
     ("a", struct.pack(">I5I", 0x805, *[2**32 - 1] * 5) + b"1", "overflow|size 1"),
     ("a.gz", b"", "starts with ''"), ("a.gz", GZ[:-9], "ended before"),
     ("a.gz", GZ[:12] + b"?" + GZ[13:], "decompressing|CRC|gzip"),
     ("a.gz", GZ + b"more", "Not a gzipped file"),
     ("a.gz", gzip.compress(IDX + bytes(9), mtime=0), "size 15")],
)  # fmt: skip
def test_a_bad_idx_file_is_refused_with_its_name_and_the_reason(folder, name, content, reason):
    path = write(folder / name, content)
    with pytest.raises(CourseError, match=reason) as error:
        read_idx(path)
    assert repr(str(path)) in str(error.value) and "fetch it again" in str(error.value)


def test_a_missing_idx_file_and_a_folder_are_refused(folder):
    for path in (folder / "missing", folder):
        with pytest.raises(CourseError, match="cannot be read"):
            read_idx(path)


@settings(examples, max_examples=200)
@given(st.binary(max_size=40), st.sampled_from([b"", b"\0\0\x08", b"\x1f\x8b", GZ[:10]]))
def test_whatever_the_bytes_the_answer_is_a_tensor_or_a_course_error(folder, content, start):
    try:
        assert read_idx(write(folder / "any", start + content)).dtype == torch.uint8
    except CourseError:
        pass


@pytest.mark.parametrize("at", range(len(GZ)))
def test_a_flipped_byte_in_a_gzip_never_gives_other_values(folder, at):
    path = write(folder / "flipped.gz", GZ[:at] + bytes([GZ[at] ^ 0xFF]) + GZ[at + 1 :])
    try:
        assert read_idx(path).tolist() == [[0, 1, 2], [3, 4, 5]]  # only a date or a name in gzip
    except CourseError:
        pass


# ---- downloads ----------------------------------------------------------------------------------

PIXELS = np.random.default_rng(0).integers(0, 256, (8, 28, 28))
DIGITS = np.arange(8)
NAMES = [f"{part}-{kind}-ubyte.gz" for part in ("train", "t10k")
         for kind in ("images-idx3", "labels-idx1")]  # fmt: skip
FILES = {
    name: gzip.compress(idx(values))
    for name, values in zip(NAMES, [PIXELS[:6], DIGITS[:6], PIXELS[6:], DIGITS[6:]], strict=True)
}


def source(url="http://127.0.0.1:9/", files=FILES, algorithm="sha256"):
    hashes = [hashlib.new(algorithm, files[name]).hexdigest() for name in NAMES]
    return Source(url, *(f"{algorithm}:{digest}" for digest in hashes))


@pytest.fixture
def server(monkeypatch):
    """Serves `files` on the loopback; `asked` lists the requests; `spoil` replies come broken."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 5

        def do_GET(self):
            here.asked.append(self.path[1:])
            content = here.files[self.path[1:]]
            if here.spoil > 0:
                here.spoil -= 1
                content = content[: len(content) // 2]
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    url = f"http://127.0.0.1:{listening.server_port}/"
    here = SimpleNamespace(files=FILES, asked=[], spoil=0, source=source(url))
    thread = threading.Thread(target=listening.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    monkeypatch.setenv("NO_PROXY", "*")
    yield here
    listening.shutdown()
    listening.server_close()
    thread.join(5)


@pytest.fixture(autouse=True)
def waits(monkeypatch):
    """pooch waits 1, 2, … seconds between tries; here it only says so."""
    seconds: list[float] = []
    monkeypatch.setattr("pooch.core.time", SimpleNamespace(sleep=seconds.append))
    return seconds


@pytest.fixture
def offline():
    """No host and no wait: the error that requests raises without a network."""
    import requests

    def refuse(url, output_file, pooch):
        raise requests.ConnectionError("Network is unreachable")

    return refuse


def test_mnist_is_downloaded_once_and_read(server, tmp_path):
    data = load_mnist("mnist", DTYPE, cache=tmp_path, source=server.source)
    assert server.asked == NAMES
    assert (data.name, data.classes, data.image_shape) == ("mnist", 10, (28, 28))
    assert np.array_equal(data.x_train, PIXELS[:6].reshape(6, 784) / 255)
    assert np.array_equal(data.x_test, PIXELS[6:].reshape(2, 784) / 255)
    assert data.y_train.tolist() == [0, 1, 2, 3, 4, 5] and data.y_test.tolist() == [6, 7]
    assert same(data, load_mnist("mnist", DTYPE, cache=tmp_path, source=server.source))
    assert server.asked == NAMES, "the second time the cache answers"
    load_mnist("fashion_mnist", cache=tmp_path, source=server.source)
    assert server.asked == 2 * NAMES, "the file names are the same, the folders are not"


def test_a_download_is_quiet_and_leaves_poochs_logger_as_it_was(tmp_path):
    import pooch

    log, levels = pooch.get_logger(), []

    def note(url, output_file, pooch):
        levels.append(log.getEffectiveLevel())
        Path(output_file).write_bytes(FILES[url.rsplit("/")[-1]])

    before = log.level
    fetch("mnist", tmp_path, downloader=note, source=source())
    assert levels == [logging.WARNING] * 4 and log.level == before


def test_a_damaged_file_in_the_cache_is_fetched_again(server, tmp_path):
    paths = fetch("mnist", tmp_path, source=server.source)
    damaged = paths[2].read_bytes()
    write(paths[2], damaged[:50] + bytes([damaged[50] ^ 1]) + damaged[51:])
    assert fetch("mnist", tmp_path, source=server.source) == paths
    assert server.asked == [*NAMES, NAMES[2]] and paths[2].read_bytes() == FILES[NAMES[2]]


def test_a_broken_download_is_tried_again_and_then_given_up(server, tmp_path, waits):
    server.spoil = 2
    assert [path.name for path in fetch("mnist", tmp_path, source=server.source)] == NAMES
    assert server.asked == [NAMES[0]] * 3 + NAMES[1:] and waits == [1, 2]
    server.spoil = 99
    with pytest.raises(FetchError, match="hash"):
        fetch("mnist", tmp_path / "other", retries=1, source=server.source)
    assert waits == [1, 2, 1] and not list((tmp_path / "other/mnist").iterdir())


def test_md5_sums_serve_too(server, tmp_path):
    fetch("mnist", tmp_path, source=source(server.source.url, algorithm="md5"))
    wrong = source(server.source.url, {name: b"" for name in NAMES}, "md5")
    with pytest.raises(FetchError, match="hash"):
        fetch("mnist", tmp_path, retries=0, source=wrong)


def test_without_a_network_digits_steps_in_and_says_so(tmp_path, offline, waits):
    options = {"cache": tmp_path, "downloader": offline}
    with pytest.warns(UserWarning, match="Network is unreachable.*digits instead") as caught:
        data = load_mnist("mnist", **options, seed=2)
    assert data.name == "digits" and same(data, load_data("digits", seed=2)) and len(caught) == 1
    assert caught[0].filename == __file__ and waits == [1, 2, 3]
    with pytest.raises(CourseError, match="mnist could not be fetched.*unreachable"):
        load_mnist("mnist", fallback=False, **options)


def test_a_real_refused_connection_ends_the_same_way(tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    with pytest.raises(FetchError, match="127.0.0.1:9/.*refused"):
        fetch("mnist", tmp_path, retries=0, source=source())


def test_a_cache_that_cannot_be_written_is_named(tmp_path, server):
    with pytest.raises(FetchError, match="file/mnist"):
        fetch("mnist", write(tmp_path / "file", b""), retries=0, source=server.source)


def test_load_data_knows_both_names_and_the_cache_folder_of_the_environment(
    tmp_path, monkeypatch, offline
):
    monkeypatch.setenv(mnist.CACHE, str(tmp_path))
    for name in ("mnist", "fashion_mnist"):
        monkeypatch.setitem(mnist.SOURCES, name, source())
        for file, content in FILES.items():
            (tmp_path / name).mkdir(exist_ok=True)
            write(tmp_path / name / file, content)
        assert load_data(name, seed=5).name == name and len(load_data(name).y_test) == 2
    (tmp_path / "mnist" / NAMES[0]).unlink()
    monkeypatch.setattr("pooch.HTTPDownloader", lambda **_: offline)
    with pytest.warns(UserWarning, match="digits instead") as caught:
        data = load_data("mnist", seed=1, test_share=0.3, dtype=DTYPE)
    assert same(data, load_data("digits", 1, 0.3, DTYPE)) and caught[0].filename == __file__


@pytest.mark.parametrize(
    "name, values, message",
    [(NAMES[1], DIGITS[:6] + 10, "label 15"), (NAMES[1], DIGITS[:5], "train data has x"),
     (NAMES[0], PIXELS[0], r"\(28, 28\)"), (NAMES[2], PIXELS[6:, :20], "a test row")],
)  # fmt: skip
def test_files_that_do_not_belong_together_are_refused(tmp_path, name, values, message):
    files = FILES | {name: gzip.compress(idx(values))}

    def copy(url, output_file, pooch):
        Path(output_file).write_bytes(files[url.rsplit("/")[-1]])

    with pytest.raises(CourseError, match=message):
        load_mnist(cache=tmp_path, downloader=copy, source=source(files=files))


def test_bad_names_and_numbers_do_not_fall_back(tmp_path):
    with pytest.raises(CourseError, match="'kmnist'.*'fashion_mnist'"):
        load_mnist("kmnist", cache=tmp_path)
    with pytest.raises(CourseError, match="retries = -1"):
        load_mnist("mnist", cache=tmp_path, retries=-1)


def test_the_published_hashes_are_whole():
    hashes = [digest for s in mnist.SOURCES.values() for digest in s.hashes().values()]
    assert len(set(hashes)) == 8 and all(len(bytes.fromhex(digest)) == 32 for digest in hashes)

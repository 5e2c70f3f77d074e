"""A data set's own rules; and downloads, from IDX files made here.

No test touches the network: what is downloaded here comes from a loopback server or a function.
"""

import gzip
import hashlib
import logging
import math
import struct
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from data_rows import DTYPE, LABELS, TARGETS, X, examples, rows, same
from hypothesis import given, settings
from hypothesis import strategies as st

from course.data import mnist
from course.data.dataset import Dataset
from course.data.loading import load_data
from course.data.mnist import FetchError, Source, fetch, load_mnist, read_idx
from course.errors import CourseError


@pytest.mark.parametrize(
    "change, message",
    [({"x_train": X[:, 0]}, r"x \(4,\)"), ({"x_test": X[:3]}, r"test data has x \(3, 6\)"),
     ({"x_train": X[:0], "y_train": LABELS[:0]}, "N ≥ 1"), ({"x_train": X[:, :0]}, r"\(4, 0\)"),
     ({"x_train": X / 0}, "train inputs hold NaN"), ({"x_test": X[:, :5]}, "a test row is x"),
     ({"y_train": LABELS - 1}, "label -1"), ({"classes": 2}, "label 2.*0 to 1"),
     ({"classes": 0}, "classes = 0"), ({"classes": 2.5}, "2.5"),
     ({"y_train": LABELS.double()}, r"float64.*\.long\(\)"),
     ({"y_test": LABELS[:, None]}, "a test row|test labels"), ({"classes": None}, "int64.*floats"),
     ({"x_val": X}, "x_val and y_val"), ({"x_val": X, "y_val": LABELS + 9}, "val label 11"),
     ({"x_val": X * np.inf, "y_val": LABELS}, "val inputs"), ({"image_shape": (2, 2)}, "H·W = 6"),
     ({"image_shape": (1, 2, 3)}, "H, W"), ({"image_shape": (2.0, 3)}, "2.0"),
     ({"image_shape": 6}, "= 6"), ({"image_shape": (-2, -3)}, "-2")],
)  # fmt: skip
def test_bad_rows_are_refused_by_name(change, message):
    good = {"x_train": X, "y_train": LABELS, "x_test": X, "y_test": LABELS, "classes": 3}
    Dataset("mine", **good)
    with pytest.raises(CourseError, match=message):
        Dataset("mine", **good | change)


def test_bad_targets_are_refused_by_name():
    assert Dataset("mine", X, TARGETS, X, TARGETS, None).outputs == 2
    for y, message in [(TARGETS[:, 0], "targets are"), (TARGETS[:, :0], "K ≥ 1"),
                       (TARGETS / 0, "targets hold NaN"), (TARGETS.long(), "int64")]:  # fmt: skip
        with pytest.raises(CourseError, match=message):
            Dataset("mine", X, y, X, y, None)
    with pytest.raises(CourseError, match="test row"):
        Dataset("mine", X, TARGETS, X, TARGETS[:, :1], None)


def test_a_row_may_have_any_shape():
    x = torch.zeros(4, 3, 2, 5)
    data = Dataset("mine", x, LABELS, x, LABELS, classes=3)
    assert data.features == 30 and not data.is_image


def test_the_smallest_set_that_is_allowed():
    x, y = torch.zeros(1, 1), torch.zeros(1, dtype=torch.int64)
    data = Dataset("mine", x, y, x, y, classes=1, image_shape=(1, 1))
    assert (data.features, data.outputs) == (1, 1) and data.is_image
    assert Dataset("mine", x, x, x, x, None).outputs == 1
    full = Dataset("mine", X, LABELS, X, LABELS, classes=3)  # 2 is the last of three classes
    assert full.outputs == 3 and not full.is_2d
    assert Dataset("mine", X[:, :2], LABELS, X[:, :2], LABELS, 3).is_2d


def test_one_number_that_is_not_finite_is_enough():
    for bad in (math.nan, math.inf, -math.inf):
        x, y = X.clone(), TARGETS.clone()
        x[1, 2] = y[2, 1] = bad
        with pytest.raises(CourseError, match="train inputs hold NaN or infinity"):
            Dataset("mine", x, LABELS, X, LABELS, 3)
        with pytest.raises(CourseError, match="test targets hold NaN or infinity"):
            Dataset("mine", X, TARGETS, X, y, None)


@pytest.mark.parametrize("half", [{"x_val": X}, {"y_val": LABELS}])
def test_half_a_validation_split_is_refused(half):
    with pytest.raises(CourseError, match="only one of x_val and y_val"):
        Dataset("mine", X, LABELS, X, LABELS, 3, **half)


def test_the_splits_in_order():
    data = Dataset("mine", X, LABELS, X[:2], LABELS[:2], 3)
    assert [(name, len(x), len(y)) for name, x, y in data.splits()] == [
        ("train", 4, 4), ("test", 2, 2),
    ]  # fmt: skip
    assert [name for name, _, _ in data.with_validation(0.5).splits()] == ["train", "test", "val"]


# ---- noise in the labels ------------------------------------------------------------------------


@examples
@given(st.integers(2, 5), st.floats(0, 1), st.floats(0, 1), st.integers(0, 99))
def test_a_larger_share_of_wrong_labels_holds_the_smaller_one(classes, a, b, seed):
    data = rows(50, classes=classes)
    few, many = (data.noisy_labels(share, seed) for share in sorted([a, b]))
    wrong = few != data.y_train
    assert torch.equal(many[wrong], few[wrong]) and (many != data.y_train).sum() >= wrong.sum()
    assert few.dtype == torch.int64 and 0 <= few.min() and few.max() < classes
    assert torch.equal(few, data.noisy_labels(sorted([a, b])[0], seed))


def test_the_share_is_that_of_the_rows_and_any_other_label_is_as_likely():
    data = rows(30_000, classes=3)
    noisy = data.noisy_labels(0.4)
    counts = torch.zeros(3, 3).index_put((data.y_train, noisy), torch.ones(30_000), accumulate=True)
    share = counts / 10_000
    assert torch.allclose(share, 0.2 + 0.4 * torch.eye(3), atol=0.02)
    assert torch.equal(data.noisy_labels(0), data.y_train)
    assert not (data.noisy_labels(1) == data.y_train).any()
    assert not torch.equal(data.noisy_labels(0.4, seed=1), noisy)


def test_label_noise_needs_two_classes_and_a_share():
    one = Dataset("mine", X, 0 * LABELS, X, 0 * LABELS, classes=1)
    curve = Dataset("mine", X, TARGETS, X, TARGETS, None)
    for data in (one, curve):
        with pytest.raises(CourseError, match="no classes to confuse"):
            data.noisy_labels(0.1)
    for share in (-0.1, 1.1, "much"):
        with pytest.raises(CourseError, match="label_noise"):
            rows().noisy_labels(share)
    assert set(rows(classes=2).noisy_labels(1).tolist()) == {0, 1}


# ---- what was done ------------------------------------------------------------------------------


def test_a_set_of_your_own_has_no_source_and_a_loaded_one_tells_what_was_done():
    assert rows().subset(3).source is None
    data = load_data("moons", seed=2)
    assert data.source == {"name": "moons", "seed": 2, "test_share": 0.2, "dtype": "float32"}
    steps = data.subset(30, seed=4).with_validation(0.5, seed=1).source
    assert steps == data.source | {
        "then": [["subset", {"n": 30, "seed": 4}], ["with_validation", {"share": 0.5, "seed": 1}]]
    }
    assert "then" not in data.source


@examples
@given(st.integers(2, 60), st.floats(0.01, 0.99), st.integers(0, 2**63 - 1))
def test_validation_rows_come_out_of_the_training_rows(n, share, seed):
    data, held = rows(n), round(share * n)
    if not 0 < held < n:
        with pytest.raises(CourseError, match="leaves"):
            data.with_validation(share, seed)
        return
    split = data.with_validation(share, seed)
    assert len(split.x_val) == held
    both = torch.cat([split.x_train, split.x_val]), torch.cat([split.y_train, split.y_val])
    old, new = data.x_train[:, 0].argsort(), both[0][:, 0].argsort()
    assert torch.equal(both[0][new], data.x_train[old])
    assert torch.equal(both[1][new], data.y_train[old])
    assert split.x_test is data.x_test and data.x_val is None
    assert same(split, data.with_validation(share, seed))


@examples
@given(st.integers(1, 20), st.integers(1, 20), st.integers(0, 1000))
def test_a_subset_holds_every_smaller_one(n, m, seed):
    small, large = (rows().subset(k, seed) for k in sorted([n, m]))
    assert torch.equal(large.x_train[: len(small.x_train)], small.x_train)
    assert torch.equal(large.y_train[: len(small.y_train)], small.y_train)
    assert len(large.x_train) == max(n, m) and torch.equal(large.x_test, rows().x_test)


def test_images_are_the_same_numbers_in_another_shape():
    flat = load_data("digits").with_validation()
    images = flat.images()
    assert images.x_train.shape[1:] == images.x_val.shape[1:] == (1, 8, 8)
    assert torch.equal(images.x_test.flatten(1), flat.x_test) and images.features == 64
    assert same(images, images.images()) and flat.x_train.ndim == 2


@pytest.mark.parametrize(
    "change, message",
    [(lambda d: d.images(), "no image_shape"), (lambda d: d.subset(21), "n = 21"),
     (lambda d: d.subset(0), "n = 0"), (lambda d: d.subset(2.5), "2.5"),
     (lambda d: d.subset(3, seed=-1), "seed = -1"), (lambda d: d.with_validation(0), "share = 0"),
     (lambda d: d.with_validation(1.5), "1.5"), (lambda d: d.with_validation(seed="a"), "'a'"),
     (lambda d: d.with_validation().with_validation(), "already")],
)  # fmt: skip
def test_a_change_that_does_not_fit_is_refused(change, message):
    with pytest.raises(CourseError, match=message):
        change(rows())


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
GZ = gzip.compress(IDX)


@pytest.mark.parametrize(
    "name, content, reason",
    [("a", b"", "starts with ''"), ("a", b"\1" + IDX[1:], "starts with '01 00 08 02'"),
     ("a", b"\0\0\x08\0", "number of axes"), ("a", b"\0\0\x0d" + IDX[3:], "type byte 0x0d"),
     ("a", IDX[:9], "inside the header"), ("a", IDX[:-1], "truncated: 5 bytes of 6"),
     ("a", IDX + b"\0", "too long"), ("a", struct.pack(">I2I", 0x802, 2**31, 2), "promises 4294"),
     ("a", struct.pack(">I2I", 0x802, 2**16, 2**15), "truncated: 0 bytes of 2147483648"),
     ("a", struct.pack(">I2I", 0x802, 0, 3), "promises 0"), ("a.gz", IDX, "is not gzip"),
     ("a.gz", b"", "is not gzip"), ("a.gz", GZ[:-9], "corrupt gzip"),
     ("a.gz", GZ[:12] + b"?" + GZ[13:], "gzip"), ("a.gz", GZ + b"more", "corrupt gzip"),
     ("a.gz", gzip.compress(IDX + bytes(9)), "too long")],
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


def test_importing_these_modules_is_light():
    modules = "course.data.dataset, course.data.mnist, course.data.preprocess"
    code = f"import {modules}, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & {"sklearn", "scipy", "pooch", "requests", "matplotlib"}

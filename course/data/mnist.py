"""MNIST and Fashion-MNIST: 70,000 grey images of 28 x 28, downloaded once, checked at every use.

Both come as IDX files (LeCun, Cortes & Burges): two zero bytes, a type byte (8: uint8), the number
of axes, each axis as a big-endian 32-bit number, then the values with the last axis fastest.

A download is compared with the SHA-256 it was published with, and so is the cached file each time:
a damaged file is fetched again, a wrong one never used. Without a network, digits steps in.
"""

import gzip
import math
import os
import struct
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ..errors import CourseError, check_choice, check_count
from .dataset import Dataset
from .synthetic import split_at_random

CACHE = "TRAINING_AT_SCALE_CACHE"  # environment variable: the folder for downloads
LARGEST = 2**31  # bytes; the largest file here has 47,040,000


# ---- IDX files ----------------------------------------------------------------------------------


def read_idx(path: str | Path) -> Tensor:
    """Read an IDX file of uint8, plain or gzip: uint8 of the shape in its header.

    Raises `CourseError` naming the file and what is wrong: missing, not gzip, wrong magic or type,
    shorter or longer than its header says, more than 2³¹ bytes.
    """
    path = Path(path)

    def refuse(reason: str) -> CourseError:
        return CourseError(
            f"{str(path)!r} {reason}; allowed: an IDX file of uint8, plain or gzip; "
            "delete the file and fetch it again"
        )

    try:
        with open(path, "rb") as plain:
            packed = plain.peek(2)[:2] == b"\x1f\x8b"
            if path.suffix == ".gz" and not packed:
                raise refuse("is named .gz, but is not gzip")
            return _read_values(gzip.GzipFile(fileobj=plain) if packed else plain, refuse)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise refuse(f"is corrupt gzip ({error})") from error
    except OSError as error:
        raise refuse(f"cannot be read ({error})") from error


def _read_values(file, refuse: Callable[[str], CourseError]) -> Tensor:
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or not magic[3]:
        raise refuse(f"starts with {magic.hex(' ')!r}, not with 00 00, a type and a number of axes")
    if magic[2] != 8:
        raise refuse(f"has type byte {magic[2]:#04x}, not 0x08 (uint8)")
    header = file.read(4 * magic[3])
    if len(header) < 4 * magic[3]:
        raise refuse(f"is truncated: it ends inside the header of {magic[3]} axes")
    shape = struct.unpack(f">{magic[3]}I", header)
    size = math.prod(shape)
    if not 0 < size <= LARGEST:
        raise refuse(f"promises {size} bytes, outside [1, 2**31]")
    values = bytearray()
    # in pieces, and at most one beyond the end: a header may promise, a gzip may hold, far too much
    while len(values) <= size and (piece := file.read(2**20)):
        values += piece
    if len(values) < size:
        raise refuse(f"is truncated: {len(values)} bytes of {size}")
    if len(values) > size:
        raise refuse(f"is too long: the header promises {size} bytes, more follow")
    return torch.frombuffer(values, dtype=torch.uint8).reshape(shape)


# ---- download -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Source:
    """Where four IDX files lie, and the hash of each (SHA-256, or 'md5:…', as pooch takes it)."""

    url: str
    train_images: str
    train_labels: str
    test_images: str
    test_labels: str

    def hashes(self) -> dict[str, str]:
        """Hashes by file name: training images and labels, test images and labels."""
        return {
            "train-images-idx3-ubyte.gz": self.train_images,
            "train-labels-idx1-ubyte.gz": self.train_labels,
            "t10k-images-idx3-ubyte.gz": self.test_images,
            "t10k-labels-idx1-ubyte.gz": self.test_labels,
        }


# SHA-256 as in torchvision/prototype/datasets/_builtin/mnist.py. The MD5 sums that the authors of
# Fashion-MNIST publish guard against damage, not against malice, and its address is plain http.
SOURCES = {
    "mnist": Source(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
    "fashion_mnist": Source(
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    ),
}


class FetchError(CourseError):
    """A file could not be downloaded, or what came did not have its hash."""


def fetch(
    name: str,
    cache: str | Path | None = None,
    retries: int = 3,
    downloader: Callable | None = None,
    source: Source | None = None,
) -> list[Path]:
    """Paths of the training images and labels, test images and labels; downloads what is missing.

    cache: a folder; by default $TRAINING_AT_SCALE_CACHE, else the system's cache folder. A failed
    download or a wrong hash is tried again `retries` times, after 1, 2, … seconds. downloader and
    source: see pooch's `Pooch.fetch` and `SOURCES`. Raises `FetchError`.
    """
    check_choice("dataset", name, tuple(SOURCES))
    retries = check_count("retries", retries, 0, 100, "3 is usual")
    import pooch  # slow import: only when asked

    source = source or SOURCES[name]
    folder = Path(cache or os.environ.get(CACHE) or pooch.os_cache("training-at-scale")) / name
    files = pooch.create(folder, source.url, registry=source.hashes(), retry_if_failed=retries)
    downloader = downloader or pooch.HTTPDownloader(timeout=(10, 30), chunk_size=2**16)
    log = pooch.get_logger()
    level = log.level
    log.setLevel("WARNING")  # pooch reports every file in red
    try:
        return [Path(files.fetch(file, downloader=downloader)) for file in files.registry]
    except (OSError, ValueError) as error:  # requests' errors are OSErrors, a wrong hash ValueError
        raise FetchError(
            f"{name} could not be fetched from {source.url} into {str(folder)!r} ({error}); "
            f"allowed: a reachable address and a folder to write to; connect, or set ${CACHE}, "
            "or load 'digits', which needs no download"
        ) from error
    finally:
        log.setLevel(level)


def load_mnist(
    name: str = "mnist",
    dtype=torch.float32,
    fallback: bool = True,
    *,
    seed: int = 0,
    test_share: float = 0.2,
    stacklevel: int = 2,
    **options,
) -> Dataset:
    """'mnist' (LeCun et al. 1998) or 'fashion_mnist' (Xiao et al. 2017), as published.

    x: (60,000, 784) and (10,000, 784) in [0, 1]; y: 0 to 9. options: as `fetch` takes them. When
    the files cannot be fetched: with fallback, a UserWarning and digits, split by `seed` and
    `test_share` (`stacklevel`: as `warnings.warn` takes it); without, `CourseError`.
    """
    try:
        paths = fetch(name, **options)
    except FetchError as error:
        if not fallback:
            raise
        warnings.warn(f"{error}. Going on with digits instead", UserWarning, stacklevel)
        return split_at_random("digits", seed, test_share, dtype)
    train, train_labels, test, test_labels = map(read_idx, paths)
    if train.ndim != 3 or test.ndim != 3:
        raise CourseError(
            f"the images of {name} are {tuple(train.shape)} and {tuple(test.shape)}; "
            "allowed: (N, H, W); delete the files and fetch them again"
        )
    x_train, x_test = (x.flatten(1).to(dtype).div_(255) for x in (train, test))
    shape = (train.shape[1], train.shape[2])
    return Dataset(
        name, x_train, train_labels.long(), x_test, test_labels.long(), 10, image_shape=shape
    )

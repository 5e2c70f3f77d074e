"""MNIST and Fashion-MNIST: 70,000 grey images of 28 x 28, downloaded once, checked at every use.

Both come as IDX files (LeCun, Cortes & Burges): two zero bytes, a type byte (8: uint8), the number
of axes, each axis as a big-endian 32-bit number, then the values with the last axis fastest.

pooch compares a download, and at each use the cached file, with the published SHA-256: a damaged
file is fetched again, a wrong one is never used. Without a network, digits steps in.
"""

import gzip
import os
import struct
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import CourseError, check_choice, check_count
from .dataset import Dataset
from .synthetic import split_at_random

CACHE = "TRAINING_AT_SCALE_CACHE"  # environment variable: the folder for downloads


# ---- IDX files ----------------------------------------------------------------------------------


def read_idx(path: str | Path) -> Tensor:
    """Return the values of an IDX file of uint8, of the shape in its header.

    Args:
        path: the file, plain or gzip

    Raises:
        CourseError: the file cannot be read or is not an IDX file of uint8.
    """
    try:
        content = Path(path).read_bytes()
        if content[:2] == b"\x1f\x8b":
            content = gzip.decompress(content)
        if content[:3] != b"\0\0\x08" or len(content) < 4:
            raise ValueError(f"it starts with {content[:4].hex(' ')!r}, not with '00 00 08' and a "
                             "number of axes")  # fmt: skip
        header = struct.Struct(f">4x{content[3]}I")
        values = torch.frombuffer(bytearray(content), dtype=torch.uint8, offset=header.size)
        return values.reshape(header.unpack_from(content))
    except (OSError, EOFError, zlib.error, struct.error, ValueError, RuntimeError) as error:
        raise CourseError(
            f"{str(path)!r} cannot be read as an IDX file of uint8 ({error}); "
            "delete the file and fetch it again"
        ) from error


# ---- download -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Source:
    """The address of four IDX files and the hash of each: SHA-256, or 'md5:…' as pooch takes it."""

    url: str
    train_images: str
    train_labels: str
    test_images: str
    test_labels: str

    def hashes(self) -> dict[str, str]:
        """Return the hashes by file name: training images and labels, test images and labels."""
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
    """A file could not be downloaded or does not have its hash."""


def fetch(
    name: str,
    cache: str | Path | None = None,
    retries: int = 3,
    downloader: Callable | None = None,
    source: Source | None = None,
) -> list[Path]:
    """Download what is missing; return the paths of training images, labels, test images, labels.

    Args:
        name: a key of `SOURCES`
        cache: the folder; default: $TRAINING_AT_SCALE_CACHE, else the system's cache folder
        retries: how often a failed download is tried again, after 1, 2, … seconds
        downloader: as pooch's `Pooch.fetch` takes it; default: by HTTP
        source: another address; default: `SOURCES[name]`

    Raises:
        FetchError: a file could not be downloaded or does not have its hash.
    """
    check_choice("dataset", name, tuple(SOURCES))
    retries = check_count("retries", retries, 0, 100, "3 is usual")
    import pooch  # here, to save the other data sets its slow import

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
    """Load MNIST or Fashion-MNIST as published, or digits if it cannot be fetched.

    Args:
        name: 'mnist' or 'fashion_mnist'
        dtype: of x
        fallback: warn and load digits if the files cannot be fetched
        seed, test_share: of the digits, as `load_data` takes them
        stacklevel: of the warning, as `warnings.warn` takes it
        options: as `fetch` takes them

    Returns:
        x: (60,000, 784) and (10,000, 784) in [0, 1]; y: labels 0 to 9.

    Raises:
        FetchError: the files cannot be fetched, and `fallback` is False.

    Source: LeCun et al. 1998; Xiao et al. 2017.
    """
    try:
        paths = fetch(name, **options)
    except FetchError as error:
        if not fallback:
            raise
        warnings.warn(f"{error}. Going on with digits instead", UserWarning, stacklevel)
        return split_at_random("digits", seed, test_share, dtype)
    train, train_labels, test, test_labels = map(read_idx, paths)
    x_train, x_test = (x.flatten(1).to(dtype).div_(255) for x in (train, test))
    y_train, y_test = train_labels.long(), test_labels.long()
    sides: Any = tuple(train.shape[1:])  # `Dataset` refuses what is not (H, W)
    return Dataset(name, x_train, y_train, x_test, y_test, 10, image_shape=sides)

"""What a module shows of its inside: small grey or signed images, which a lab draws.

A module takes part by a method `inside(x)`, which returns a list of `Picture`. It is called in eval
mode and without autograd, and changes nothing.
"""

from typing import NamedTuple

from torch import Tensor


class Picture(NamedTuple):
    """A row of small images."""

    title: str
    values: Tensor
    """(n, height, width): signed numbers, or shares from 0 to 1."""
    signed: bool = False
    captions: tuple[str, ...] = ()
    """A word or two below each image; none, or n."""

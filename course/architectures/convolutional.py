"""A convolutional network: each unit sees a small square, and all units share its weights.

    x: (N, 64) or (N, 1, 8, 8), images of side 8      outputs: (N, classes)

A convolution with a 3 × 3 kernel is a linear layer whose matrix is mostly zeros, and whose other
entries repeat: `as_matrix` shows it.
"""

import torch
from torch import Tensor, nn

from ..errors import CourseError, check_count
from .inside import Picture


class CNN(nn.Module):
    """Two convolutions with a 3 × 3 kernel, each followed by ReLU and 2 × 2 max pooling.

    Args:
        channels: filters of the first convolution; the second has twice as many.
        side: of the square images, in pixels; a multiple of 4.
        classes: how many outputs.

    Raises:
        CourseError: for a side that does not halve twice, and other numbers out of range.
    """

    def __init__(self, channels: int = 8, side: int = 8, classes: int = 10):
        super().__init__()
        channels = check_count("channels", channels, 1, 512, "8 is enough for the digits")
        self.side = check_count("side", side, 4, 1024, "pixels")
        if self.side % 4:
            raise CourseError(f"side = {side} does not halve twice; allowed: a multiple of 4")
        self.first = nn.Conv2d(1, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, 2 * channels, 3, padding=1)
        self.last = nn.Linear(2 * channels * (self.side // 4) ** 2, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N, classes) of images (N, …)."""
        x = x.reshape(-1, 1, self.side, self.side)
        x = nn.functional.max_pool2d(self.first(x).relu(), 2)
        x = nn.functional.max_pool2d(self.second(x).relu(), 2)
        return self.last(x.flatten(1))

    def inside(self, x: Tensor) -> list[Picture]:
        """Return the filters of the first convolution, and what they answer to the first image."""
        image = x[:1].reshape(1, 1, self.side, self.side)
        answers = self.first(image).relu()[0]
        return [
            Picture("filters of the first convolution", self.first.weight[:, 0], signed=True),
            Picture("what they answer to one image", answers / answers.amax().clamp(min=1e-12)),
        ]


@torch.no_grad()
def as_matrix(convolution: nn.Conv2d, side: int) -> Tensor:
    """Return the matrix of a convolution without its bias: (C_out·side², C_in·side²).

    Column j is what it answers to an image that is 1 at place j and 0 elsewhere.

    Args:
        convolution: one that keeps the side of its images.
        side: of the square images, in pixels.
    """
    side = check_count("side", side, 1, 64, "the matrix has side⁴ entries a channel pair")
    places = convolution.in_channels * side**2
    ones = torch.eye(places, dtype=convolution.weight.dtype, device=convolution.weight.device)
    images = ones.view(places, convolution.in_channels, side, side)
    bias = 0 if convolution.bias is None else convolution.bias[:, None, None]
    return (convolution(images) - bias).flatten(1).t().contiguous()

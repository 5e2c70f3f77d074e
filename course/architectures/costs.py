"""What writing costs: the FLOPs of the products, with a cache of keys and values and without.

A place costs 24·width² a block (2 for each weight of its four linear layers), 4·width for each
place that it looks at, and 2·width·V at the end. Without a cache all places of the text are read
again for each new character; with one, only the new one, which looks at the keys that were kept.
`torch.utils.flop_counter.FlopCounterMode` counts the same.
"""

from ..errors import check_choice, check_count
from .gpt import GPT


def reading_flops(model: GPT, new: int, seen: int) -> int:
    """Return the FLOPs of reading `new` characters, the last of `seen`.

    Args:
        model: a `GPT`.
        new: characters that are read now.
        seen: with those whose keys and values are kept.
    """
    V, width = model.last.weight.shape
    block = 24 * width**2 + 4 * width * seen
    return new * (len(model.blocks) * block + 2 * width * V)


def writing_flops(model: GPT, length: int, cache: bool) -> int:
    """Return the FLOPs of writing `length` characters after a prompt of one.

    Args:
        model: a `GPT`.
        length: characters to write, at most the context.
        cache: whether keys and values are kept.

    Raises:
        CourseError: for a length beyond the context.
    """
    length = check_count("length", length, 0, model.context, "the context of the model")
    cache = check_choice("cache", cache, (True, False))
    texts = range(1, length + 1)
    return sum(reading_flops(model, 1 if cache else seen, seen) for seen in texts)


def cache_bytes(model: GPT, places: int) -> int:
    """Return the bytes of the keys and values of one text: 2 vectors a place and block.

    Args:
        model: a `GPT`.
        places: characters that were read.
    """
    weight = model.last.weight
    return 2 * len(model.blocks) * places * weight.shape[1] * weight.element_size()

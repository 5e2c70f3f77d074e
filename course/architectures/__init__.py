"""Small modules of the three kinds, for `adopt`, the trainer and the lab; text, and writing it.

from course.architectures import GPT, text_data, write

model = adopt(GPT())
trainer = Trainer(model, text_data(), chain(Adam(), Descend(0.01)))
print(write(model.module))  # at any step of the run
"""

from .convolutional import CNN, as_matrix
from .costs import cache_bytes, reading_flops, writing_flops
from .gpt import GPT
from .inside import Picture
from .recurrent import RNN, error_signals
from .sampling import Loop, longest_text, loop, probabilities, share_of_repeats, write
from .text import ALPHABET, decode, encode, is_right, share_right, text_data, write_text
from .transformer import Block, Seen, SelfAttention, Transformer, attention

__all__ = [
    "ALPHABET", "Block", "CNN", "GPT", "Loop", "Picture", "RNN", "Seen", "SelfAttention",
    "Transformer", "as_matrix", "attention", "cache_bytes", "decode", "encode", "error_signals",
    "is_right", "longest_text", "loop", "probabilities", "reading_flops", "share_of_repeats",
    "share_right", "text_data", "write", "write_text", "writing_flops",
]  # fmt: skip

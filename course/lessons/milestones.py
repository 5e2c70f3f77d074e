"""Dated facts of the field, each with its source: known networks, contests they won, older papers.

FLOPs of training are the source's own number, or follow from what it states (see `how`).
"""

from dataclasses import dataclass

# Multiplications of AlexNet for one image: outputs of each layer times the inputs of each output,
# from the sizes in figure 2 of its paper. Layers 2, 4 and 5 see half of the channels.
ALEXNET = (
    55 * 55 * 96 * (11 * 11 * 3) + 27 * 27 * 256 * (5 * 5 * 48) + 13 * 13 * 384 * (3 * 3 * 256)
    + 13 * 13 * 384 * (3 * 3 * 192) + 13 * 13 * 256 * (3 * 3 * 192)
    + 6 * 6 * 256 * 4096 + 4096 * 4096 + 4096 * 1000
)  # fmt: skip


@dataclass(frozen=True)
class Milestone:
    """A network that many people know.

    Attributes:
        year, name: of the publication, of the network.
        parameters: how many it has.
        samples, unit: how much it learned from, each counted once, and in what.
        flops: of its whole training.
        how: where `flops` comes from.
        source: of all numbers.
    """

    year: int
    name: str
    parameters: float
    samples: float
    unit: str
    flops: float
    how: str
    source: str


MILESTONES = (
    Milestone(1998, "LeNet-5", 60_000, 60_000, "images", 6 * 340_908 * 60_000 * 20.0,
              "6 · 340,908 connections · 60,000 images · 20 passes",
              "LeCun et al. 1998, sections II.B and III.B"),
    Milestone(2012, "AlexNet", 60e6, 1.2e6, "images", 6 * ALEXNET * 1.2e6 * 90,
              "6 · 0.72·10⁹ multiplications · 1.2·10⁶ images · 90 passes",
              "Krizhevsky et al. 2012, figure 2 and section 5"),
    Milestone(2017, "Transformer (big)", 213e6, 4.5e6, "pairs of sentences", 2.3e19,
              "the authors' estimate: time · devices · their speed",
              "Vaswani et al. 2017, tables 2 and 3, section 5.1"),
    Milestone(2020, "GPT-3", 175e9, 300e9, "tokens", 6 * 175e9 * 300e9,
              "6 · parameters · tokens", "Brown et al. 2020, table 2.1"),
    Milestone(2022, "PaLM", 540e9, 780e9, "tokens", 6 * 540e9 * 780e9,
              "6 · parameters · tokens", "Chowdhery et al. 2022, tables 1 and 2"),
    Milestone(2024, "Llama 3", 405e9, 15.6e12, "tokens", 3.8e25, "the authors' own number",
              "Llama Team 2024, section 1"),
)  # fmt: skip


@dataclass(frozen=True)
class Result:
    """What a network reached in a contest or on a public test.

    Attributes:
        field, year, name: what it is about, when, and which network.
        measure: what was measured; `lower` says whether less is better.
        reached, rest: by this network, and the best of the others, in a contest those of its year.
        source: of both numbers.
    """

    field: str
    year: int
    name: str
    measure: str
    lower: bool
    reached: float
    rest: float
    source: str


RESULTS = (
    # From the images of the contest alone; with more of them the network reached 15.3.
    Result("images", 2012, "AlexNet", "top-5 error on ImageNet in %", True, 16.4, 26.2,
           "Russakovsky et al. 2015"),
    Result("language", 2017, "Transformer", "BLEU, English to German", False, 28.4, 26.36,
           "Vaswani et al. 2017, table 2"),
)  # fmt: skip

# Winners of the ImageNet challenge: (year, name, top-5 error in %, whether a deep network).
# Russakovsky et al. 2015; He et al. 2016 for 2015.
WINNERS = (
    (2010, "NEC", 28.2, False), (2011, "XRCE", 25.8, False), (2012, "SuperVision", 16.4, True),
    (2013, "Clarifai", 11.7, True), (2014, "GoogLeNet", 6.7, True), (2015, "ResNet", 3.6, True),
)  # fmt: skip


@dataclass(frozen=True)
class Paper:
    """A paper about learning in several layers.

    Attributes:
        year, authors, title: as printed.
        trains: whether it trains several layers of units.
        says: what it calls its method, or "" if that does not matter here.
    """

    year: int
    authors: str
    title: str
    trains: bool
    says: str


PAPERS = (
    Paper(1986, "Rumelhart, Hinton, Williams",
          "Learning representations by back-propagating errors", True, "back-propagation"),
    Paper(1986, "Dechter", "Learning while searching in constraint-satisfaction-problems", False,
          "deep learning"),
    Paper(2000, "Aizenberg, Aizenberg, Vandewalle", "Multi-Valued and Universal Binary Neurons",
          False, "deep learning"),
    Paper(2006, "Hinton, Osindero and others",
          "A fast learning algorithm for deep belief nets", True, "deep belief nets"),
    Paper(2012, "Krizhevsky, Sutskever, Hinton",
          "ImageNet classification with deep convolutional neural networks", True,
          "deep convolutional neural networks"),
)  # fmt: skip

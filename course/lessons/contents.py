"""The teaching order, kept in one place: links, titles and badges follow it."""

from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from ..errors import CourseError

# Placeholder until the course is published; badges and links are built from it.
REPOSITORY = "training-at-scale/training-at-scale"
BRANCH = "main"


@dataclass(frozen=True)
class Chapter:
    """A notebook.

    Attributes:
        file: its name without .ipynb.
        title: as links show it.
        question: the one it answers.
        minutes: what reading and trying take.
        after: the file of the chapter that this side trip starts from; None on the route itself.
    """

    file: str
    title: str
    question: str
    minutes: int
    after: str | None = None


ROUTE = [  # side trips come last: no chapter of the route may need what only they introduce
    Chapter("00_start_here", "Start here", "What happens when you touch the learning rate?", 30),
    Chapter("1_background", "Background", "Why did networks become large?", 55),
    Chapter("2_1_networks", "Networks", "What is a network, and what does depth add?", 60),
    Chapter("3_01_forward", "Forward", "How does a prediction flow?", 55),
    Chapter("3_02_backward", "Backward", "How does the error flow back?", 60),
    Chapter("3_11_data", "Data", "What should the network see?", 50),
    Chapter("3_03_gradient_descent", "Gradient descent", "How far may one step go?", 55),
    Chapter("3_03b_batches", "Batches", "All data, one sample, or a batch?", 60),
    Chapter("3_04_momentum", "Momentum", "What does memory of past gradients buy?", 60),
    Chapter("3_05_clipping", "Clipping", "What does clipping protect, and what does it cost?", 60),
    Chapter("3_06_momentum_clipping", "Momentum and clipping", "In which order?", 55),
    Chapter("3_09_depth", "Depth", "Why do gradients vanish, and what stops it?", 60),
    Chapter(
        "3_08_adaptive", "Adaptive steps", "SGD again and again: what do its heirs change?", 65
    ),
    Chapter(
        "3_10_regularisation", "Regularisation", "How to fit the signal and not the noise?", 55
    ),
    Chapter("2_2_scale", "Scale", "What is large, and what can be split?", 55),
    Chapter("3_14_data_parallel", "Data parallel", "How do many machines take one step?", 65),
    Chapter("3_16_memory", "Memory", "Where does the memory go?", 60),
    Chapter(
        "3_15_model_parallel",
        "Model parallel",
        "How does a model too big for one machine train?",
        50,
    ),
    Chapter(
        "3_17_failures",
        "Failures",
        "What breaks at scale, and how does a run survive?",
        55,
    ),
    Chapter("5_1_architectures", "Architectures", "CNN, RNN, Transformer: what changes?", 60),
    Chapter("6_clinic", "Clinic", "It does not train. Why?", 45),
    Chapter(
        "3_07_second_order",
        "Curvature",
        "What does curvature tell?",
        50,
        after="3_06_momentum_clipping",
    ),  # fmt: skip
    Chapter(
        "3_12_ensembles", "Ensembles", "Are many better than one?", 60, after="3_10_regularisation"
    ),
    Chapter(
        "3_13_pruning", "Pruning", "How much can be thrown away?", 50, after="3_10_regularisation"
    ),
    Chapter(
        "4_code_examples",
        "Code examples",
        "Do the documents' programs work?",
        50,
        after="3_17_failures",
    ),
    Chapter("5_2_trends", "Trends", "What limits larger training?", 55, after="5_1_architectures"),
    Chapter("errata", "Errata", "What did the documents get wrong?", 25, after="6_clinic"),
]


def chapter(file: str) -> Chapter:
    """Return the chapter of that file name, without .ipynb, or raise `CourseError`."""
    for c in ROUTE:
        if c.file == file:
            return c
    raise CourseError(f"chapter {file!r} is unknown. Allowed: {[c.file for c in ROUTE]}")


def links(file: str) -> str:
    """Return Markdown with links to the chapters before and after it, and to its side trips.

    A side trip leads back to the chapter that it starts from, and on to the one after that.
    """
    here = chapter(file)
    core = [c for c in ROUTE if c.after is None]
    at = core.index(chapter(here.after or file))
    before = core[at : at + 1] if here.after else core[max(at - 1, 0) : at]
    trips = [f"side trip: [{c.title}]({c.file}.ipynb)" for c in ROUTE if c.after == file]
    back = [f"← [{c.title}]({c.file}.ipynb)" for c in before]
    on = [f"[{c.title}]({c.file}.ipynb) →" for c in core[at + 1 : at + 2]]
    return " · ".join([*back, *on, *trips])


def badges(file: str) -> str:
    """Return Markdown with badges that open this chapter on Colab or Binder."""
    path = f"notebooks/{chapter(file).file}.ipynb"
    colab = f"https://colab.research.google.com/github/{REPOSITORY}/blob/{BRANCH}/{path}"
    binder = f"https://mybinder.org/v2/gh/{REPOSITORY}/{BRANCH}?urlpath=lab/tree/{path}"
    return (
        f"[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({colab}) "
        f"[![Open on Binder](https://mybinder.org/badge_logo.svg)]({binder})"
    )


def hub_link(hub: str, file: str = "00_start_here") -> str:
    """Return the nbgitpuller link that opens a chapter on a JupyterHub and keeps a learner's work.

    Args:
        hub: the address of the hub, as https://hub.example.org.
        file: the chapter's file name, without .ipynb.

    Raises:
        CourseError: for an address of another form, or an unknown chapter.
    """
    parts = urlsplit(hub)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query:
        raise CourseError(f"hub {hub!r} is not an address. Allowed: as https://hub.example.org")
    name = REPOSITORY.rpartition("/")[2]
    query = urlencode(
        {
            "repo": f"https://github.com/{REPOSITORY}",
            "branch": BRANCH,
            "urlpath": f"lab/tree/{name}/notebooks/{chapter(file).file}.ipynb",
        }
    )
    return f"{hub.rstrip('/')}/hub/user-redirect/git-pull?{query}"

"""The programs of the documents, in words and code of our own, with their holes.

    all_rows(net, x, y)                    D0: SGD on all rows at once, ten updates
    in_batches(net, x, y)                  D2: Adam on mini-batches; `criterion` is never defined
    two_layers(keras)                      D1: Keras; `x_train` and `y_train` are never defined
    three_layers(keras, data)              D3: Keras; images meet a layer that wants rows
    completed(in_batches, criterion=…)     the same program, with the name that it lacks

Names that a document never defines are not defined here either. Widths are the documents'; the
inputs are those of the data. The Keras programs take the module that `find_keras` returns.
"""

import builtins
import dis
import inspect
import re
from collections.abc import Callable
from types import FunctionType, ModuleType

import torch
from torch import Tensor, nn

from ..data.dataset import Dataset


def network(*sizes: int, seed=0) -> nn.Sequential:
    """Return linear layers of these sizes with a ReLU between two of them; seed: of its weights."""
    layers: list[nn.Module] = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for n_in, n_out in zip(sizes, sizes[1:], strict=False):
            layers += [nn.Linear(n_in, n_out), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def accuracy(net: nn.Module, x: Tensor, y: Tensor) -> float:
    """Return the share of rows x (N, …) whose class in y (N,) is the network's first choice."""
    with torch.no_grad():
        return float((net(x).argmax(1) == y).float().mean())


# ---- D0 --------------------------------------------------------------------------------------


def all_rows(net, x, y, updates=10, lr=0.01) -> list[float]:
    """Make updates with SGD, each on all rows (D0 4); return the loss before each one.

    Args:
        net: a module, trained in place: (N, C) for inputs (N, D).
        x, y: (N, D) and class numbers (N,).
        updates, lr: how many steps, and their learning rate.
    """
    optimiser = torch.optim.SGD(net.parameters(), lr)
    losses = []
    for _ in range(updates):
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(net(x), y)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


def random_rows(n=10_000, inputs=784, classes=10, seed=0) -> tuple[Tensor, Tensor]:
    """Return random inputs (n, inputs) and labels (n,) that have nothing to do with them."""
    dice = torch.Generator().manual_seed(seed)
    x = torch.randn(n, inputs, generator=dice)
    return x, torch.randint(classes, (n,), generator=dice)


# ---- D2 --------------------------------------------------------------------------------------


def in_batches(net, x, y, epochs=5, lr=0.01, batch_size=32, column=True, weighted=False) -> float:
    """Train with Adam, batch by batch in the order of the rows (D2 4); return what it reports.

    Args:
        net: a module, trained in place.
        x, y: (N, D) and answers (N,).
        epochs, lr, batch_size: as their names say.
        column: give each batch its answers as (B, 1), as the document does; else as (B,).
        weighted: count a batch's mean loss once for each of its rows.

    Raises:
        NameError: until somebody defines `criterion`.
    """
    y = y.view(-1, 1) if column else y
    optimiser = torch.optim.Adam(net.parameters(), lr)
    for _ in range(epochs):
        total = 0.0
        for first in range(0, len(x), batch_size):
            rows = slice(first, first + batch_size)
            loss = criterion(net(x[rows]), y[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total += loss.item() * (len(x[rows]) if weighted else 1)
    return total / len(x)


# ---- D1 and D3 -------------------------------------------------------------------------------


def two_layers(keras: ModuleType, inputs=784, epochs=10):
    """Build 64 ReLU units and 10 outputs with softmax, and fit them with Adam (D1 4).

    Returns the model. Raises NameError until somebody defines `x_train` and `y_train`.
    """
    model = keras.Sequential([
        keras.Input((inputs,)),
        keras.layers.Dense(64, activation="relu"),
        keras.layers.Dense(10, activation="softmax"),
    ])  # fmt: skip
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x_train, y_train, epochs=epochs, verbose=0)
    return model


def three_layers(keras: ModuleType, x, y, x_test, y_test, inputs=784, epochs=5):
    """Build 256, 128 and 10 units, fit them with Adam, and evaluate (D3 4).

    Returns the model and its test accuracy. Raises what Keras raises for x of another shape than
    (N, inputs).
    """
    model = keras.Sequential([
        keras.Input((inputs,)),
        keras.layers.Dense(256, activation="relu"),
        keras.layers.Dense(128, activation="relu"),
        keras.layers.Dense(10, activation="softmax"),
    ])  # fmt: skip
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, epochs=epochs, verbose=0)
    return model, float(model.evaluate(x_test, y_test, verbose=0)[1])


# ---- holes -----------------------------------------------------------------------------------


def missing_names(program: Callable) -> list[str]:
    """Return the names that a program reads and nobody has defined, sorted."""
    assert isinstance(program, FunctionType)
    reads = {i.argval for i in dis.get_instructions(program) if i.opname == "LOAD_GLOBAL"}
    return sorted(reads - program.__globals__.keys() - vars(builtins).keys())


def completed(program: Callable, **names) -> Callable:
    """Return the program with names that it lacks; the program itself stays as it is."""
    assert isinstance(program, FunctionType)
    made = FunctionType(program.__code__, {**program.__globals__, **names}, program.__name__)
    made.__defaults__, made.__doc__ = program.__defaults__, program.__doc__
    return made


def code_of(program: Callable) -> str:
    """Return the source of a program, without its docstring and what it tells a formatter."""
    source = re.sub(r'\n    """.*?"""', "", inspect.getsource(program), count=1, flags=re.S)
    return source.replace("  # fmt: skip", "").strip()


def caught(program: Callable, *inputs, **options) -> str:
    """Return in one line what a program raises when it is called; "no error" if nothing."""
    try:
        program(*inputs, **options)
    except Exception as error:
        return f"{type(error).__name__}: {brief(str(error))}"
    return "no error"


def brief(message: str) -> str:
    """Return the sentence of a message that tells which shape did not fit; else its first line."""
    plain = re.sub("\x1b\\[[0-9;]*m", "", message)  # Keras writes in bold
    told = re.search(r"Expected shape .*", plain)
    return (told.group() if told else plain.strip().partition("\n")[0])[:200]


def flat(x: Tensor) -> Tensor:
    """Return images (N, H, W) as rows (N, H·W)."""
    return x.reshape(len(x), -1)


def pictures(data: Dataset) -> tuple[Tensor, Tensor]:
    """Return the training and test inputs of an image set as images (N, H, W)."""
    shape = data.image_shape or (data.features,)
    return data.x_train.reshape(-1, *shape), data.x_test.reshape(-1, *shape)

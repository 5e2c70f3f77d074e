"""Keras 3 on its torch backend, where it is installed.

    keras = find_keras()        the module, or None after one sentence that says how to get it

Importing Keras takes seconds, so nothing here does it before it is asked to. Keras reads its
backend once, from the environment, when it is imported.
"""

import os
import sys
from importlib import import_module
from types import ModuleType

GET = '%pip install "keras>=3"'
BACKEND = "KERAS_BACKEND"


def find_keras() -> ModuleType | None:
    """Return Keras on its torch backend; else print one sentence with the remedy, return None."""
    keras = sys.modules.get("keras")
    if keras is None:
        os.environ[BACKEND] = "torch"
        try:
            keras = import_module("keras")
        except ModuleNotFoundError as error:  # Keras itself, or what it needs
            print(
                f"{error.name} is not installed, so the Keras programs do not run here; get it "
                f"with {GET} in a cell, then restart the kernel."
            )
            return None
    used = keras.backend.backend()
    if used != "torch":
        print(
            f"Keras was imported with backend {used!r} before this cell; allowed: 'torch'; restart "
            "the kernel and run this chapter first."
        )
        return None
    return keras

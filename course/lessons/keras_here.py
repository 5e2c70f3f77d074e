"""Keras 3 on its torch backend, where it is installed.

    keras = find_keras()        the module, or None after one sentence that says how to get it

Importing Keras takes seconds, so nothing here does it before it is asked to. Keras reads its backend
once, from the environment, when it is imported.
"""

import os
import sys
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

GET = 'pip install -c binder/constraints.txt -e ".[keras]"'
BACKEND = "KERAS_BACKEND"


def find_keras() -> ModuleType | None:
    """Return Keras on its torch backend; else print one sentence with the remedy, return None."""
    loaded = sys.modules.get("keras")
    if loaded is None:
        if find_spec("keras") is None:
            print(f"Keras is not installed, so its programs do not run here; get it with: {GET}")
            return None
        os.environ[BACKEND] = "torch"
        loaded = import_module("keras")
    used = loaded.backend.backend()
    if used != "torch":
        print(
            f"Keras was imported with backend {used!r} before this cell; allowed: 'torch'; restart "
            "the kernel and run this chapter first."
        )
        return None
    return loaded

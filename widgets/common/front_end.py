"""Tell whether a reader looks at a lab, and which labs there are.

A lab that is on a page is kept until its cell is run again; any other goes, and stops, with the
last reference to it.
"""

import threading
import weakref
from typing import Any

LABS: weakref.WeakValueDictionary[str, Any] = weakref.WeakValueDictionary()  # by name
SHOWN: dict[str, Any] = {}


def has_front_end() -> bool:
    """Return whether a reader looks at this notebook: a front end allows input, papermill not."""
    try:
        from IPython import get_ipython

        kernel = getattr(get_ipython(), "kernel", None)
        return kernel is not None and bool(kernel._allow_stdin)
    except (ImportError, AttributeError):
        return False


def in_callback() -> bool:
    """Return whether the kernel answers a message of the page now, not a cell."""
    thread = threading.current_thread()
    if thread is not threading.main_thread() and not thread.name.startswith("subshell-"):
        return False  # the kernel tells another thread what it answered last
    try:
        from IPython import get_ipython

        parent = get_ipython().kernel.get_parent("shell")
        return str(parent["header"]["msg_type"]).startswith("comm_")
    except (ImportError, AttributeError, KeyError, TypeError):
        return False


def cell_name() -> str:
    """Return the id of the running cell, "lab" if the front end does not tell it."""
    try:
        from IPython import get_ipython

        parent = get_ipython().kernel.get_parent("shell")
        return str(parent["metadata"]["cellId"])
    except (ImportError, AttributeError, KeyError, TypeError):
        return "lab"


def enter(lab) -> None:
    """Register a lab; one of the same name is closed."""
    old = LABS.get(lab.name)
    if old is not None:
        old.close()
    LABS[lab.name] = lab


def pin(lab) -> None:
    """Keep a lab that is shown."""
    SHOWN[lab.name] = lab


def leave(lab) -> None:
    if lab.name in SHOWN and SHOWN[lab.name] is lab:
        del SHOWN[lab.name]

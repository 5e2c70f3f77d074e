"""`course doctor`: what is installed, what is missing, and the command that mends it."""

import sys
from importlib.metadata import PackageNotFoundError, version

from ..errors import CourseError
from ..training.trainer import available_devices
from .folders import notebooks_folder

NEEDED = [
    "torch", "numpy", "jupyterlab", "ipywidgets", "anywidget", "matplotlib", "scikit-learn",
    "papermill", "nbval", "pooch", "ipykernel",
]  # fmt: skip


def missing_packages(needed: list[str]) -> list[str]:
    """Print each package with its version; return those that are not there."""
    missing = []
    for name in needed:
        try:
            print(f"  {name:<14}{version(name)}")
        except PackageNotFoundError:
            print(f"  {name:<14}MISSING    mend: pip install -c binder/constraints.txt {name}")
            missing.append(name)
    return missing


def report() -> int:
    """Print the findings; 0 when the course can run, else 1."""
    print(f"Python {sys.version.split()[0]}")
    problems = missing_packages(NEEDED)
    print(f"Devices: {', '.join(available_devices())}")
    problems += _kernel() + _notebooks()
    print("All is well." if not problems else f"Missing: {', '.join(problems)}")
    return 1 if problems else 0


def _kernel() -> list[str]:
    try:
        from jupyter_client.kernelspec import KernelSpecManager

        if "python3" in KernelSpecManager().find_kernel_specs():
            print("Kernel python3: found")
            return []
    except ImportError:
        pass
    print("Kernel python3: MISSING    mend: python -m ipykernel install --sys-prefix")
    return ["kernel python3"]


def _notebooks() -> list[str]:
    try:
        print(f"Notebooks: {notebooks_folder()}")
        return []
    except CourseError as error:
        print(f"Notebooks: MISSING    {error}")
        return ["notebooks"]

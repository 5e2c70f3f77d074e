"""`course doctor`: what is installed, what is missing or unfit, and the command that mends it."""

import shlex
import sys
from importlib.metadata import PackageNotFoundError, requires, version

from packaging.requirements import Requirement

from ..errors import CourseError
from .folders import CLONED, notebooks_folder

PACKAGE = "training-at-scale"
LOCK = CLONED.parent / "binder" / "constraints.txt"  # in a clone only


def report() -> int:
    """Print the findings; return 0 if the course can run, else 1."""
    print(f"Python {sys.version.split()[0]}")
    problems = package_problems()
    problems += device_problems() if "torch" not in problems else []
    problems += kernel_problems() + notebook_problems()
    print(f"Missing or unfit: {', '.join(problems)}" if problems else "All is well.")
    return 1 if problems else 0


def package_problems() -> list[str]:
    """Print each package that the course needs; return the names of those missing or unfit."""
    try:
        needs = [Requirement(line) for line in requires(PACKAGE) or []]
    except PackageNotFoundError:
        print(f"  {PACKAGE} MISSING    mend: {install_command(str(CLONED.parent))}")
        return [PACKAGE]
    problems = []
    for need in needs:
        if need.marker and not need.marker.evaluate({"extra": ""}):
            continue  # for another system or for an extra
        wanted = f"{need.name}{need.specifier}"
        try:
            current = version(need.name)
            fits = need.specifier.contains(current, prereleases=True)
            finding = current if fits else f"{current} UNFIT, needs {need.specifier}"
        except PackageNotFoundError:
            finding, fits = "MISSING", False
        if not fits:
            finding += f"    mend: {install_command(wanted)}"
            problems.append(need.name)
        print(f"  {need.name:<15} {finding}")
    return problems


def install_command(what: str) -> str:
    """Return the command that installs a package, with the versions of the lock if there is one."""
    lock = ["-c", str(LOCK)] if LOCK.exists() else []
    return shlex.join(["python", "-m", "pip", "install", *lock, what])


def device_problems() -> list[str]:
    """Print the devices; return 'torch' if it is installed but cannot be imported."""
    try:
        from ..training.run import available_devices  # here, as torch may be broken
    except (ImportError, OSError) as error:  # OSError: a shared library is missing
        print(f"Devices: torch does not start ({error})    mend: {install_command('torch')}")
        return ["torch"]
    print(f"Devices: {', '.join(available_devices())}")
    return []


def kernel_problems() -> list[str]:
    """Print whether notebooks find a Python kernel."""
    try:
        from jupyter_client.kernelspec import KernelSpecManager  # here, as it may be missing

        if "python3" in KernelSpecManager().find_kernel_specs():
            print("Kernel python3: found")
            return []
    except ImportError:
        pass
    print("Kernel python3: MISSING    mend: python -m ipykernel install --sys-prefix")
    return ["kernel python3"]


def notebook_problems() -> list[str]:
    """Print the folder of the chapters."""
    try:
        print(f"Notebooks: {notebooks_folder()}")
        return []
    except CourseError as error:
        print(f"Notebooks: MISSING    {error}")
        return ["notebooks"]

"""Bring the chapters into a learner's folder, update them to a newer release, undo an update.

    deliver(Path.home() / "training-at-scale", notebooks)
    undo(Path.home() / "training-at-scale")

`.course/release` in that folder holds each file as it was last delivered. So an update can tell
what the learner changed: it merges notebooks (`merge.py`) and leaves other changed files. If the
learner's version stays, the release's is put beside it under a free name. Links, read-only files
and anything that is not a plain file stay untouched. A chapter that was deleted or renamed comes
back as a fresh one, because other chapters link to it.

An update is planned first and written to `.course/update.zip`: each file's content before and
after. Then each file is replaced, if it still is as planned, and the plan becomes
`.course/undo.zip`. If an update is killed, the next start finishes it. An undo is an update, too:
a second undo takes back the first.
"""

import glob
import os
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path

import filelock

from ..errors import CourseError
from ..files import replacing
from ..version import __version__
from .merge import merge

HIDDEN = ".course"
RELEASE = f"{HIDDEN}/release"
DECLINED = f"{HIDDEN}/declined"  # files of the release that the learner took back
UNFINISHED, UNDO = f"{HIDDEN}/update.zip", f"{HIDDEN}/undo.zip"
DAMAGED = (OSError, ValueError, RuntimeError, EOFError, zipfile.BadZipFile, zlib.error)
WAIT = 30.0  # seconds for another `course lab` to end its update

Changes = dict[str, tuple[bytes | None, bytes | None]]  # name: content before, after; None: no file


class Report:
    """Collect what happened to which files, to be told in few lines."""

    def __init__(self) -> None:
        self.groups: dict[str, list[str]] = {}
        self.notes: list[str] = []

    def add(self, what: str, name: str) -> None:
        """Add a file to the group `what`."""
        self.groups.setdefault(what, []).append(name)

    def lines(self) -> list[str]:
        """Return a line for each group, then the notes."""
        lines = []
        for what, names in self.groups.items():
            lines.append(f"{what}: {', '.join(names) if len(names) < 4 else f'{len(names)} files'}")
        return lines + self.notes


def deliver(folder: Path, source: Path, release: str = __version__) -> list[str]:
    """Copy or merge a release into a folder; return what happened, in lines.

    Args:
        folder: the learner's; made if it is missing
        source: the release's notebooks and Markdown pages
        release: its version, for the names of files put beside the learner's

    Raises:
        CourseError: the folder cannot be written; every file is as it was.
    """
    report = Report()
    with _exclusively(folder):
        changes: Changes = {}
        for path in sorted(p for p in source.rglob("*") if p.suffix in (".ipynb", ".md")):
            name = path.relative_to(source).as_posix()
            is_hidden = any(part.startswith(".") for part in name.split("/"))
            if not is_hidden and not name.endswith(".failed.ipynb"):
                changes |= _plan(folder, name, path.read_bytes(), release, report)
        _carry_out(folder, changes, report)
    return report.lines()


def _plan(folder: Path, name: str, new: bytes, release: str, report: Report) -> Changes:
    """Decide what to do with one file of the release."""
    copy = f"{RELEASE}/{name}"
    base = _read(folder / copy)
    if _read(folder / DECLINED / name) == new:
        if base is None:
            return {}
        new = base
    if base == new and os.path.lexists(folder / name):
        return {}
    changes: Changes = {copy: (base, new)}
    if way := _blocked_way(folder, name):
        report.notes.append(f"{way}, so it stays; the release's {name} is {copy}")
        return changes
    why, mine = _untouchable(folder / name), _read(folder / name)
    if mine is not None and _same(mine, new):
        return changes
    is_unchanged = mine is None or base is not None and _same(mine, base)
    if is_unchanged and not why:
        report.add("new" if mine is None else "updated", name)
        return changes | {name: (mine, new)}
    clashes = 0
    if not why and mine and base and name.endswith(".ipynb"):
        try:
            merged, clashes = merge(base, mine, new)
        except ValueError:
            why = "is not the chapter that was delivered"
        else:
            changes[name] = (mine, merged)
            if not clashes:
                report.add("updated around your changes", name)
                return changes
    beside = _free_name(folder, name, f"release {release}", new)
    reason = f"{name} {why or 'has your changes'}, so it stays"
    if clashes:
        reason = f"{name}: you and the release changed the same cells ({clashes}), so yours stay"
    report.notes.append(f'{reason}; the release\'s version is "{beside}"')
    return changes | {beside: (_read(folder / beside), new)}


def undo(folder: Path) -> list[str]:
    """Put files back as before the last update or undo; return what happened, in lines.

    What the learner changed since then is kept beside. The release that was taken back does not
    come again; a newer one does.

    Args:
        folder: the learner's

    Raises:
        CourseError: there is nothing to take back, or the folder cannot be written; every file is
            as it was.
    """
    if not (folder / HIDDEN).exists():
        raise CourseError(f"{str(folder)!r} has no chapters yet: bring them with course lab FOLDER")
    report = Report()
    with _exclusively(folder):
        update = _load(folder / UNDO)
        if not update:
            raise CourseError(f"no update in {str(folder)!r} can be taken back; nothing is changed")
        changes: Changes = {}
        for name, (before, after) in update.items():
            now = _read(folder / name)
            if name.startswith(RELEASE):
                declined = DECLINED + name.removeprefix(RELEASE)
                changes.setdefault(declined, (_read(folder / declined), after))
            if name.startswith(HIDDEN):
                changes[name] = (now, before)
                continue
            why = _blocked_way(folder, name) or _untouchable(folder / name)
            known = (None, after, _read(folder / RELEASE / name))  # none is the learner's work
            if before is None and now not in known:
                why = "has your changes"
            if why:
                report.notes.append(f"{name} stays as it is: {why}")
            elif now != before:
                changes[name] = (now, before)
                report.add("removed" if before is None else "as before", name)
                if now not in known:
                    beside = _free_name(folder, name, "before undo", now)
                    changes[beside] = (_read(folder / beside), now)
                    report.notes.append(f'{name}: your later changes are in "{beside}"')
        _carry_out(folder, changes, report)
    return report.lines()


@contextmanager
def _exclusively(folder: Path) -> Iterator[None]:
    """Keep every other `course lab` out of `folder`, and finish what a killed one began."""
    hidden = folder / HIDDEN
    if hidden.is_symlink() or hidden.is_file():
        raise CourseError(f"{hidden} is not a folder: move it away, then start again")
    try:
        hidden.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(hidden / "lock", timeout=WAIT):
            unfinished = _load(folder / UNFINISHED)
            for name in [UNFINISHED, *unfinished]:
                path = folder / name
                for part in path.parent.glob(f".{glob.escape(path.name[:100])}.*.part"):
                    part.unlink()  # of the killed update
            if unfinished:
                _apply(folder, unfinished)
                _record(folder, unfinished)
            yield
    except filelock.Timeout:
        raise CourseError(
            f"another `course lab` is updating {str(folder)!r}; start again when it is done"
        ) from None
    except OSError as error:
        raise CourseError(
            f"{str(folder)!r} cannot be updated ({error}) and is as it was: mend that, or name "
            "another folder: course lab FOLDER"
        ) from error


def _carry_out(folder: Path, changes: Changes, report: Report) -> None:
    """Make all changes or, after an error, none."""
    changes = {name: states for name, states in changes.items() if states[0] != states[1]}
    if not changes:
        return
    _save(folder / UNFINISHED, changes)
    try:
        late = _apply(folder, changes)
        _record(folder, changes)
    except BaseException:
        _apply(folder, {name: (after, before) for name, (before, after) in changes.items()})
        (folder / UNFINISHED).unlink()
        raise
    report.notes += [f"{name} changed just now: start again to update it" for name in late]


def _apply(folder: Path, changes: Changes) -> list[str]:
    """Replace the files that are as planned; return the names of those that are not."""
    late = [
        name
        for name, states in changes.items()
        if _blocked_way(folder, name)
        or (folder / name).is_symlink()
        or _read(folder / name) not in states
    ]
    with ExitStack() as replacements:
        for name, (_, after) in changes.items():
            path = folder / name
            if name in late or name.removeprefix(f"{RELEASE}/") in late or _read(path) == after:
                continue
            if after is None:
                replacements.callback(path.unlink)
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            file = replacements.enter_context(replacing(path))
            file.write(after)
            file.flush()  # raises on a full disk, before the first file is replaced
    return late


def _record(folder: Path, changes: Changes) -> None:
    """Keep the plan for `undo`, unless it only brought files that were not there."""
    if any(before is not None for before, _ in changes.values()):
        os.replace(folder / UNFINISHED, folder / UNDO)
    else:
        (folder / UNFINISHED).unlink()


def _save(path: Path, changes: Changes) -> None:
    with replacing(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, states in changes.items():
            for when, content in zip(("before", "after"), states, strict=True):
                if content is not None:
                    archive.writestr(f"{when}/{name}", content)


def _load(path: Path) -> Changes:
    """Read a plan; one that is missing or damaged holds no changes."""
    changes: Changes = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.namelist():
                when, _, name = entry.partition("/")
                if Path(name).is_absolute() or ".." in Path(name).parts:
                    return {}  # `_save` did not write this: it leads out of the folder
                before, after = changes.get(name, (None, None))
                content = archive.read(entry)
                changes[name] = (content, after) if when == "before" else (before, content)
    except DAMAGED:
        return {}
    return changes


def _blocked_way(folder: Path, name: str) -> str | None:
    """Say which folder above the file is a link or a file of the learner's."""
    for parent in [*Path(name).parents][-2::-1]:  # without "."
        if (folder / parent).is_symlink() or (folder / parent).is_file():
            return f"{parent} is {'a link' if (folder / parent).is_symlink() else 'a file'}"
    return None


def _untouchable(path: Path) -> str | None:
    """Say why an update leaves this file alone, if it does."""
    if path.is_symlink():
        return "is a link"
    if path.exists() and not path.is_file():
        return "is not a file"
    if path.exists() and not path.stat().st_mode & 0o222:
        return "is read-only"
    return None


def _free_name(folder: Path, name: str, label: str, content: bytes) -> str:
    """Find a name beside `name` that is free, or under which `content` is already there."""
    path = Path(name)
    for number in count(1):
        words = label if number == 1 else f"{label}, {number}"
        beside = path.with_name(f"{path.stem} ({words}){path.suffix}")
        if not os.path.lexists(folder / beside) or _read(folder / beside) == content:
            break
    return beside.as_posix()


def _read(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _same(one: bytes, other: bytes) -> bool:
    """Compare two files, whatever their line ends."""
    return one.replace(b"\r\n", b"\n") == other.replace(b"\r\n", b"\n")

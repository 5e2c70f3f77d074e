"""A file is replaced whole or not at all."""

import os
import stat
import subprocess
import sys
import threading

import psutil
import pytest

from course.files import replacing, write_bytes

posix = pytest.mark.skipif(os.name == "nt", reason="links and permissions as POSIX has them")


def test_the_new_content_stands_alone(tmp_path):
    write_bytes(b"one", tmp_path / "file")
    write_bytes(b"two", tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"two"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_an_error_leaves_the_old_content_and_no_litter(tmp_path):
    write_bytes(b"one", tmp_path / "file")
    with pytest.raises(KeyError), replacing(tmp_path / "file") as file:
        file.write(b"half")
        raise KeyError
    assert (tmp_path / "file").read_bytes() == b"one"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def open_files() -> tuple[set, int]:
    """Return what this process has open; not how far it is, for a log may grow meanwhile."""
    process = psutil.Process()
    return {(file.path, file.fd) for file in process.open_files()}, process.num_fds()


@posix
def test_content_then_name_are_on_the_disk_when_it_returns(tmp_path, monkeypatch):
    """As a loss of power asks for; what cannot be tried here is the loss of power."""
    calls, sync, replace = [], os.fsync, os.replace

    def fsync(number):
        there = os.fstat(number)
        calls.append("folder" if stat.S_ISDIR(there.st_mode) else there.st_size)
        sync(number)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", lambda *paths: (calls.append("replace"), replace(*paths)))
    before = open_files()
    write_bytes(b"four", tmp_path / "file")
    assert calls == [4, "replace", "folder"]
    assert open_files() == before


@posix
def test_a_link_stays_a_link_and_permissions_stay(tmp_path):
    (tmp_path / "far").mkdir()
    real = tmp_path / "far" / "real"
    write_bytes(b"one", real)
    real.chmod(0o444)
    (tmp_path / "link").symlink_to(real)
    write_bytes(b"two", tmp_path / "link")
    assert (tmp_path / "link").is_symlink() and real.read_bytes() == b"two"
    assert real.stat().st_mode & 0o777 == 0o444


@posix
def test_a_new_file_has_the_permissions_that_any_new_file_gets(tmp_path):
    write_bytes(b"ours", tmp_path / "ours")
    (tmp_path / "theirs").write_bytes(b"theirs")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "theirs").stat().st_mode


@posix
def test_a_full_disk_leaves_the_old_content_and_no_litter(tmp_path):
    write_bytes(b"one", tmp_path / "file")
    program = (
        "import resource, signal, sys; from course.files import write_bytes\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10**6, 10**6))\n"
        "try: write_bytes(b'x' * 10**7, sys.argv[1])\n"
        "except OSError: sys.exit(7)"
    )
    process = subprocess.run([sys.executable, "-c", program, str(tmp_path / "file")])
    assert process.returncode == 7
    assert (tmp_path / "file").read_bytes() == b"one"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_many_writers_at_once_leave_the_whole_content_of_one(tmp_path):
    contents = [bytes([65 + i]) * 200_000 for i in range(8)]
    threads = [
        threading.Thread(target=lambda c=c: [write_bytes(c, tmp_path / "f") for _ in range(5)])
        for c in contents
    ]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert (tmp_path / "f").read_bytes() in contents
    assert [p.name for p in tmp_path.iterdir()] == ["f"]

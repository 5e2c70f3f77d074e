"""A file of a state: damage is noticed, and no earlier file is lost."""

import os
import random
import subprocess
import sys

import pytest
import torch
from checkpoint_runs import Refused, bits, deep, make, own_network, started, train

from course import CourseError

posix = pytest.mark.skipif(os.name == "nt", reason="signals and limits as POSIX has them")


def test_any_bit_flip_loads_the_same_or_is_refused(tmp_path):
    refused = Refused(started(own_network))
    file = tmp_path / "run.pt"
    refused.trainer.save(file)
    content, outcomes, draw = file.read_bytes(), [], random.Random(0)
    for _ in range(300):
        flipped = bytearray(content)
        flipped[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        file.write_bytes(flipped)
        try:
            refused.trainer.load(file)
        except CourseError as error:
            outcomes.append(str(error).partition("is ")[2][:7])
        assert bits(refused.trainer) == refused.bits
    assert {"damaged", "not a r"} <= set(outcomes) and 100 < len(outcomes) < 300


def test_a_file_that_is_cut_foreign_or_missing_is_refused(tmp_path):
    refused = Refused(started(make))
    trainer, file = refused.trainer, tmp_path / "run.pt"
    trainer.save(file)
    content, saved = file.read_bytes(), torch.load(file, weights_only=True)
    cuts = [content[:n] for n in (0, 1, 100, len(content) // 2, len(content) - 1)]
    for i, cut in enumerate([*cuts, b"not a state", content[1:]]):
        (tmp_path / f"cut{i}").write_bytes(cut)
    foreign = [saved["state"], {"recipe": {}}, [], 3, saved | {"more": 1}, saved | {"digest": None},
               saved | {"state": deep(400)}, saved | {"state": {1: b"x"}}, {"digest": object()},
               saved | {"state": saved["state"] | {"best": 7}}]  # fmt: skip
    for i, other in enumerate(foreign):
        torch.save(other, tmp_path / f"foreign{i}")
    names = [*sorted(tmp_path.glob("cut*")), *sorted(tmp_path.glob("foreign*"))]
    for name in [*names, tmp_path / "missing", tmp_path, "", None, 7.5, "a\0b"]:
        with pytest.raises(CourseError) as error:
            trainer.load(name)
        assert len(str(error.value)) < 1000 and bits(trainer) == refused.bits
    with pytest.raises(CourseError, match="no state with a digest.*save it anew"):
        trainer.load(tmp_path / "foreign0")
    with pytest.raises(CourseError, match="there is no state file"):
        trainer.load(tmp_path / "missing")


def test_saving_where_no_file_can_be_says_why_and_leaves_what_is_there(tmp_path, monkeypatch):
    trainer, file = train(make(), 3), tmp_path / "run.pt"
    trainer.save(file)
    content = file.read_bytes()
    train(trainer, 3)
    for path, reason in [
        (tmp_path / "no" / "run.pt", "No such file"), (tmp_path, "directory"),
        (file / "run.pt", "Not a directory"), ("", "directory"), (None, "NoneType"), (7.5, "float"),
        ("a\0b", "null"),
    ]:  # fmt: skip
        with pytest.raises(CourseError, match=f"cannot be saved.*{reason}.*choose another"):
            trainer.save(path)
    for function, error in [
        ("fsync", OSError(28, "No space left on device")),
        ("replace", PermissionError(13, "Permission denied")),
    ]:
        with monkeypatch.context() as patch:

            def refuse(*args, error=error):
                raise error

            patch.setattr(os, function, refuse)
            with pytest.raises(CourseError, match=f"run.pt.*{error.strerror}.*room"):
                trainer.save(file)
    assert file.read_bytes() == content and [p.name for p in tmp_path.iterdir()] == ["run.pt"]
    kept = bits(trainer)
    trainer.save(file)
    make().load(file)
    assert bits(trainer) == kept


BIG = """
import os, random, resource, signal, sys, time
import torch
from course import MLP, CourseError, Descend, Momentum, Trainer, chain, load_data
from course.states import digest, plain_state

torch.set_num_threads(1)
model = MLP([64, 2000, 100, 10])
trainer = Trainer(model, load_data("digits").subset(50), chain(Momentum(), Descend(0.1)), 16)
file = sys.argv[1]
trainer.save(file)
first = digest(plain_state(trainer.state_dict()))
trainer.step()
"""


KILLED = """
second = digest(plain_state(trainer.state_dict()))
trainer.save(file)
begun = time.perf_counter()
trainer.save(file)
one = time.perf_counter() - begun
for trial in range(6):
    child = os.fork()
    if not child:
        while True:
            trainer.save(file)
    time.sleep(one * random.Random(trial).uniform(0.1, 2))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    trainer.load(file)
    assert digest(plain_state(trainer.state_dict())) == second, trial
"""


FULL = """
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10**6, 10**6))
try:
    trainer.save(file)
except CourseError as error:
    assert "File too large" in str(error) and "make room" in str(error), error
else:
    sys.exit("no error")
trainer.load(file)
assert digest(plain_state(trainer.state_dict())) == first
assert os.listdir(os.path.dirname(file)) == ["run.pt"]
"""


@posix
@pytest.mark.parametrize("program", [KILLED, FULL], ids=["killed", "full"])
def test_neither_a_kill_nor_a_full_disk_while_saving_loses_the_earlier_state(program, tmp_path):
    command = [sys.executable, "-c", BIG + program, str(tmp_path / "run.pt")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


RAN = []


class Program:
    """Runs when it is unpickled."""

    def __reduce__(self):
        return RAN.append, ("ran",)


def test_a_file_that_holds_a_program_is_refused_and_the_program_does_not_run(tmp_path):
    trainer, file = make(), tmp_path / "run.pt"
    torch.save({"digest": "0" * 64, "state": Program()}, file)
    with pytest.raises(CourseError, match="not a readable state file"):
        trainer.load(file)
    assert RAN == []

"""A limit of time stops what does not end, in every thread, and leaves no trace."""

import itertools
import math
import signal
import subprocess
import sys
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course.lessons import time_limit
from course.lessons.time_limit import TimeIsOver, limited

# Hypothesis listens to the garbage collector: a stop that arrives there is lost, and sent again.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
few = settings(derandomize=True, deadline=None, max_examples=25)
SHORT = 0.05


def loops():
    for _ in itertools.count():
        pass


def swallows():
    """Catches every Exception, for ever."""
    while True:
        try:
            math.sqrt(2)
        except Exception:
            pass


def swallows_a_stop():
    """Catches even the first stop."""
    try:
        loops()
    except BaseException:
        loops()


def calls_itself():
    def down():
        return down()

    while True:
        try:
            down()
        except RecursionError:
            pass


def generates():
    return sum(1 for _ in itertools.count())


ENDLESS = [loops, swallows, swallows_a_stop, calls_itself, generates]


def in_another_thread(function):
    """Return what the function returned, or raised, in a thread of its own."""
    found = []

    def run():
        try:
            found.append(function())
        except BaseException as error:
            found.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(30)
    assert found, "the thread goes on"
    return found[0]


@pytest.fixture
def timer():
    """The timer and the handler of the surroundings, with what they were handed."""
    rung = []
    before = signal.signal(signal.SIGALRM, lambda *given: rung.append(given))
    yield rung
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("function", [*ENDLESS, lambda: time.sleep(1e6)])
def test_the_main_thread_is_stopped(function):
    with pytest.raises(TimeIsOver):
        limited(function, SHORT)


@pytest.mark.parametrize("function", ENDLESS)
def test_another_thread_is_stopped(function):
    assert isinstance(in_another_thread(lambda: limited(function, SHORT)), TimeIsOver)


@pytest.mark.parametrize("function", ENDLESS)
def test_the_main_thread_is_stopped_on_systems_without_the_timer(function, monkeypatch):
    monkeypatch.delattr(time_limit.signal, "setitimer")
    with pytest.raises(TimeIsOver):
        limited(function, SHORT)


@few
@given(st.integers() | st.text() | st.none(), st.booleans())
def test_what_ends_in_time_returns_its_value(value, elsewhere):
    run = in_another_thread if elsewhere else lambda function: function()
    assert run(lambda: limited(lambda: value, 60)) is value


@few
@given(st.sampled_from([ValueError, KeyboardInterrupt, SystemExit, StopIteration]), st.booleans())
def test_what_a_function_raises_goes_through(kind, elsewhere):
    error = kind("its own")

    def fails():
        raise error

    if elsewhere:
        assert in_another_thread(lambda: limited(fails, 60)) is error
        return
    with pytest.raises(kind) as caught:
        limited(fails, 60)
    assert caught.value is error


def test_a_function_that_returns_too_late_is_too_late():
    def late():
        try:
            loops()
        except BaseException:
            return "right"

    with pytest.raises(TimeIsOver):
        limited(late, SHORT)


# ---- nothing is left behind -------------------------------------------------------------------


def ends(function):
    try:
        function()
    except Exception:
        pass


@pytest.mark.parametrize("function", [lambda: 1, lambda: 1 / 0, loops, swallows_a_stop])
def test_handler_and_timer_are_as_before(timer, function):
    handler = signal.getsignal(signal.SIGALRM)
    signal.setitimer(signal.ITIMER_REAL, 1000, 7)
    ends(lambda: limited(function, SHORT))
    left, interval = signal.getitimer(signal.ITIMER_REAL)
    assert signal.getsignal(signal.SIGALRM) is handler and 900 < left <= 1000 and interval == 7
    signal.setitimer(signal.ITIMER_REAL, 0)
    ends(lambda: limited(function, SHORT))
    time.sleep(2.5 * time_limit.AGAIN)
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0) and not timer


def test_a_timer_of_the_surroundings_rings_afterwards(timer):
    signal.setitimer(signal.ITIMER_REAL, SHORT / 5)
    ends(lambda: limited(loops, SHORT))
    time.sleep(SHORT)
    assert len(timer) == 1


def test_a_function_may_use_the_timer_itself(timer):
    def rings():
        rung = []
        signal.signal(signal.SIGALRM, lambda *given: rung.append(given))
        signal.setitimer(signal.ITIMER_REAL, 0.001)
        while not rung:
            pass
        return len(rung)

    handler = signal.getsignal(signal.SIGALRM)
    assert limited(rings, 60) == 1
    assert signal.getsignal(signal.SIGALRM) is handler
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


@pytest.mark.parametrize("has_timer", [True, False])
def test_a_stop_at_the_very_end_stays_inside(has_timer, monkeypatch):
    if not has_timer:
        monkeypatch.delattr(time_limit.signal, "setitimer")

    def until(end):
        while time.monotonic() < end:
            pass

    for i in range(300):
        seconds = 0.0008 + 1e-6 * i
        ends(lambda seconds=seconds: limited(lambda: until(time.monotonic() + seconds), 0.001))
        sum(range(200))


@pytest.mark.parametrize("elsewhere", [False, True])
def test_no_thread_and_no_stop_stays_behind(elsewhere):
    def twice():
        ends(lambda: limited(loops, SHORT))
        time.sleep(2.5 * time_limit.AGAIN)
        return limited(lambda: sum(range(1000)), 60)

    before = threading.active_count()
    assert (in_another_thread(twice) if elsewhere else twice()) == 499500
    time.sleep(0.05)
    assert threading.active_count() <= before


TRACED = """
import sys, threading, time
from course.lessons.time_limit import limited, TimeIsOver
def loops():
    while True:
        pass
def use():
    limited(lambda: 1, 60)
    try:
        limited(loops, 0.05)
    except TimeIsOver:
        pass
thread = threading.Thread(target=use)
thread.start()
thread.join()
def traced(n):
    return sum(range(n))
sys.settrace(lambda *_: None)
print(traced(10))
"""


def test_a_debugger_works_afterwards():
    command = [sys.executable, "-c", TRACED]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stdout == "45\n", done.stderr


# ---- one inside another -----------------------------------------------------------------------


def outer_of(inner):
    def run():
        try:
            limited(*inner)
        except TimeIsOver:
            return "the inner one"

    return run


@pytest.mark.parametrize("elsewhere", [False, True])
def test_the_limit_that_is_over_first_stops(elsewhere):
    run = in_another_thread if elsewhere else lambda function: function()
    assert run(lambda: limited(outer_of((loops, SHORT)), 60)) == "the inner one"

    def outer_first():
        try:
            return limited(outer_of((loops, 60)), SHORT)
        except TimeIsOver:
            return "the outer one"

    assert run(outer_first) == "the outer one"


@few
@given(st.lists(st.floats(1, 1000), min_size=1, max_size=6))
def test_after_any_nest_the_outermost_timer_goes_on(seconds):
    def nest(limits):
        return limited(lambda: nest(limits[1:]), limits[0]) if limits else "done"

    assert nest(seconds) == "done"
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)

from __future__ import annotations

import asyncio
import os
import signal
import threading

import pytest

from labkit.errors import LabError, Stalled
from labkit.net.clock import VirtualLoop, watchdog


@pytest.fixture
def loop():
    loop = VirtualLoop.new()
    yield loop
    loop.close()


def test_time_passes_without_waiting(loop):
    async def week():
        await asyncio.sleep(7 * 86400)
        return asyncio.get_running_loop().time()

    assert loop.complete(week()) == 7 * 86400


def test_what_is_due_at_one_instant_happens_in_the_order_it_was_asked_for(loop):
    seen = []
    for i in range(100):
        loop.call_later(1, seen.append, i)
    loop.pass_time(1)
    assert seen == list(range(100))


def test_a_cancelled_timer_does_not_fire_and_does_not_hold_time(loop):
    seen = []
    loop.call_later(1, seen.append, 1).cancel()
    with pytest.raises(Stalled):
        loop.complete(asyncio.Event().wait())
    assert seen == []
    assert loop.time() == 0


def test_many_cancelled_timers_are_forgotten(loop):
    for _ in range(10_000):
        loop.call_later(300, print).cancel()
    assert len(loop._agenda) < 300


def test_cancelling_a_timer_that_has_fired_changes_nothing(loop):
    timer = loop.call_later(1, int)
    loop.pass_time(2)
    timer.cancel()
    loop.call_later(1, int)
    loop.pass_time(2)
    with pytest.raises(Stalled):
        loop.complete(asyncio.Event().wait())


def test_a_watchdog_is_no_reason_to_wait_but_fires_when_time_is_asked_to_pass(loop):
    seen = []
    watchdog(loop, 300, seen.append, "bark")
    with pytest.raises(Stalled):
        loop.complete(asyncio.Event().wait())
    assert (seen, loop.time()) == ([], 0)
    loop.pass_time(301)
    assert seen == ["bark"]


class Idle(asyncio.Protocol):
    def timed_out(self):
        raise AssertionError("the watchdog must not be waited for")


def test_the_idle_timeout_of_a_protocol_is_a_watchdog_of_itself(loop):
    loop.call_later(300, Idle().timed_out)
    with pytest.raises(Stalled):
        loop.complete(asyncio.Event().wait())


def test_stalled_says_what_the_network_says(loop):
    loop.describe = lambda: "alice waits for bob"
    with pytest.raises(Stalled, match="alice waits for bob"):
        loop.complete(asyncio.Event().wait())


def test_a_wait_that_lets_a_month_pass_is_stalled(loop):
    async def poll():
        while True:
            await asyncio.sleep(60)

    task = loop.create_task(poll())
    with pytest.raises(Stalled):
        loop.complete(asyncio.Event().wait())
    task.cancel()


def test_a_failed_wait_cancels_what_it_waited_for(loop):
    seen = []

    async def stuck():
        try:
            await asyncio.Event().wait()
        finally:
            seen.append("cleaned up")

    with pytest.raises(Stalled):
        loop.complete(stuck())
    assert seen == ["cleaned up"]


def test_a_timeout_is_virtual(loop):
    with pytest.raises(TimeoutError):
        loop.complete(asyncio.Event().wait(), timeout=3600)
    assert loop.time() == 3600


def test_it_runs_inside_another_loop_and_leaves_that_as_it_was(loop):
    async def cell():
        before = asyncio.current_task()
        result = loop.complete(asyncio.sleep(5, "done"))
        assert asyncio.current_task() is before
        await asyncio.sleep(0)
        return result

    assert asyncio.run(cell()) == "done"


def test_a_blocking_call_from_inside_is_refused(loop):
    async def inner():
        loop.complete(asyncio.sleep(1))

    with pytest.raises(LabError, match="await"):
        loop.complete(inner())


def test_a_second_thread_is_refused(loop):
    refused = []

    def other():
        try:
            loop.pass_time(1)
        except LabError as error:
            refused.append(str(error))

    async def inner():
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()

    loop.complete(inner())
    assert len(refused) == 1
    assert "another thread" in refused[0]


@pytest.fixture
def interrupts():
    """Ctrl-C as Python has it; whoever started the tests may have it ignored (a shell, behind an &)."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(os.name == "nt", reason="sends a signal")
@pytest.mark.usefixtures("interrupts")
def test_an_interrupt_waits_for_the_callback_and_leaves_the_loop_usable(loop):
    finished = []

    def busy():
        signal.raise_signal(signal.SIGINT)
        finished.append("not torn apart")

    loop.call_later(1, busy)
    with pytest.raises(KeyboardInterrupt):
        loop.complete(asyncio.sleep(10))
    assert finished == ["not torn apart"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert loop.complete(asyncio.sleep(10, "usable")) == "usable"


def test_executor_jobs_run_at_once(loop):
    async def job():
        return await asyncio.get_running_loop().run_in_executor(None, divmod, 7, 2)

    assert loop.complete(job()) == (3, 1)


def test_a_failing_executor_job_fails_where_it_is_awaited(loop):
    async def job():
        return await asyncio.get_running_loop().run_in_executor(None, divmod, 7, 0)

    with pytest.raises(ZeroDivisionError):
        loop.complete(job())


def test_a_closed_loop_says_so(loop):
    loop.close()
    with pytest.raises(LabError, match="closed"):
        loop.pass_time(1)


def test_closing_cancels_what_still_runs(loop):
    seen = []

    async def background():
        try:
            await asyncio.sleep(1e6)
        finally:
            seen.append("cancelled")

    loop.create_task(background())
    loop.settle()
    loop.close()
    assert seen == ["cancelled"]


def test_an_error_in_a_callback_is_reported_and_the_rest_goes_on(loop):
    reports = []
    loop.set_exception_handler(lambda loop, context: reports.append(context["exception"]))
    loop.call_soon(divmod, 1, 0)
    loop.pass_time(1)
    assert [type(error) for error in reports] == [ZeroDivisionError]

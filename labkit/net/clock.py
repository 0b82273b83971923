"""Virtual time: an event loop whose clock moves only while somebody waits.

The loop keeps one agenda of (nanoseconds, order number, handle): two things due at the
same instant happen in the order in which they were asked for, so that a run can be
repeated to the byte.  Nothing sleeps; when nothing is due, the clock jumps to what is next.

It is driven in the caller's own thread by the call that waits, and may be so while
another loop (Jupyter's) runs in that thread: the outer loop's task is set aside
meanwhile.  It refuses sockets, subprocesses, signals and threads.

A *watchdog* is a timer that only ends a silence (an idle timeout).  When nothing but
watchdogs is left, a wait cannot be answered any more, and raises `Stalled` in place of
letting the time run to the timeout.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
import signal
import socket
import threading
from collections.abc import Awaitable, Callable, Generator
from contextvars import Context
from types import FrameType
from typing import Any, Self, TypeVar, TypeVarTuple, cast

from labkit.errors import LabError, Stalled

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

SECOND = 1_000_000_000
PATIENCE = 30 * 86400 * SECOND
"""A single wait that lets this much time pass is called stalled, whatever is on the agenda."""
IDLE_TIMEOUT = 60.0
"""From this many seconds on, a timer that calls a method of a protocol is its idle timeout."""

logger = logging.getLogger("asyncio")


class _Entry(asyncio.TimerHandle):
    __slots__ = ("pending", "watchdog")
    pending: bool
    watchdog: bool


class VirtualLoop(asyncio.AbstractEventLoop):
    """An asyncio loop in virtual time; `drive` runs it, `complete` and `pass_time` are made of it."""

    def __init__(self) -> None:
        self.ns = 0
        self.describe: Callable[[], str] = str
        """Says who waits for whom, for the message of `Stalled`; the network sets it."""
        self._agenda: list[tuple[int, int, _Entry]] = []
        self._order = itertools.count()
        self._work = 0  # entries that are neither cancelled nor watchdogs
        self._cancelled = 0
        self._guard = threading.Lock()
        self._driver: int | None = None
        self._interrupted = False
        self._closed = False
        self._exception_handler: Callable[[asyncio.AbstractEventLoop, dict[str, Any]], object] | None = None

    @classmethod
    def new(cls) -> Self:
        """A loop.  (The type checker holds the class abstract, for it refuses half of asyncio.)"""
        return cls()

    # The agenda

    def time(self) -> float:
        return self.ns / SECOND

    def at(self, ns: int, callback: Callable[..., object], *args: Any) -> asyncio.TimerHandle:
        """Call back at this very nanosecond."""
        return self._add(ns, callback, args)

    def watchdog(self, delay: float, callback: Callable[..., object], *args: Any) -> asyncio.TimerHandle:
        """A timer that is no reason to go on waiting."""
        return self._add(self.ns + _nanoseconds(delay), callback, args, watchdog=True)

    def call_soon(
        self,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.Handle:
        return self._add(self.ns, callback, args, context)

    def call_soon_threadsafe(
        self,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.Handle:
        return self._add(self.ns, callback, args, context)

    def call_later(
        self,
        delay: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        # A protocol's own timer of a minute or more (aiosmtpd's, for one) ends a silence.
        idle = delay >= IDLE_TIMEOUT and isinstance(getattr(callback, "__self__", None), asyncio.BaseProtocol)
        return self._add(self.ns + _nanoseconds(delay), callback, args, context, watchdog=idle)

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        return self._add(max(self.ns, _nanoseconds(when)), callback, args, context)

    def _add(
        self,
        ns: int,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        context: Context | None = None,
        watchdog: bool = False,
    ) -> _Entry:
        if self._closed:
            raise RuntimeError("the simulated network is closed")
        entry = _Entry(ns / SECOND, callback, args, self, context)
        entry.watchdog, entry.pending = watchdog, True
        if not watchdog:
            self._work += 1
        heapq.heappush(self._agenda, (ns, next(self._order), entry))
        return entry

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        # asyncio's handles call this when they are cancelled.
        assert isinstance(handle, _Entry)
        if not handle.pending:
            return
        handle.pending = False
        if not handle.watchdog:
            self._work -= 1
        self._cancelled += 1
        if self._cancelled > 100 and self._cancelled * 2 > len(self._agenda):
            # In place, for `_go` holds the list.  The handle that is being cancelled is not yet marked.
            self._agenda[:] = [item for item in self._agenda if item[2].pending]
            heapq.heapify(self._agenda)
            self._cancelled = 0

    # Driving

    def drive(self, done: Callable[[], bool]) -> None:
        """Let things happen, in this very thread, until done() holds."""
        if self._closed or not self._guard.acquire(blocking=False):
            raise self._refusal()
        outer = asyncio._get_running_loop()
        task = asyncio.current_task(outer) if outer is not None else None
        if outer is not None and task is not None:
            asyncio.tasks._leave_task(outer, task)
        asyncio._set_running_loop(self)
        self._driver = threading.get_ident()
        restore = self._hold_interrupts()
        try:
            self._go(done)
        finally:
            restore()
            self._driver = None
            self._guard.release()
            asyncio._set_running_loop(outer)
            if outer is not None and task is not None:
                asyncio.tasks._enter_task(outer, task)

    def check_free(self) -> None:
        """Refuse a second driver."""
        if self._closed or self._driver is not None:
            raise self._refusal()

    def _refusal(self) -> LabError:
        if self._closed:
            return LabError("this network is closed; make a new one")
        if self._driver == threading.get_ident():
            return LabError(
                "a blocking call was made from inside the simulated network, "
                "which it would have to wait for; await the coroutine there instead"
            )
        return LabError(
            "the simulated network is running in another thread; "
            "it has no threads, so give each its own network"
        )

    def _go(self, done: Callable[[], bool]) -> None:
        agenda = self._agenda
        limit = self.ns + PATIENCE
        while not done():
            if self._interrupted:
                raise KeyboardInterrupt
            if not agenda:
                raise Stalled(self._why())
            ns, _, entry = agenda[0]
            if not entry.pending:
                heapq.heappop(agenda)
                self._cancelled -= 1
                continue
            if ns > self.ns:
                if not self._work or ns > limit:
                    raise Stalled(self._why())
                self.ns = ns
            heapq.heappop(agenda)
            entry.pending = False
            if not entry.watchdog:
                self._work -= 1
            entry._run()

    def _why(self) -> str:
        who = self.describe()
        return f"nothing can happen any more: {who or 'nothing is on the way and no timer is left'}"

    def _hold_interrupts(self) -> Callable[[], object]:
        """Let Ctrl-C wait until a callback is through, so that none is left half done; a second does not."""
        self._interrupted = False
        if (
            threading.current_thread() is not threading.main_thread()
            or signal.getsignal(signal.SIGINT) is not signal.default_int_handler
        ):
            return lambda: None
        signal.signal(signal.SIGINT, self._on_interrupt)
        return lambda: signal.signal(signal.SIGINT, signal.default_int_handler)

    def _on_interrupt(self, number: int, frame: FrameType | None) -> None:
        if self._interrupted:
            raise KeyboardInterrupt
        self._interrupted = True

    def complete(self, awaitable: Awaitable[T], timeout: float | None = None) -> T:
        """Drive until the awaitable is through; if that fails, it is cancelled."""
        try:
            self.check_free()
        except LabError:
            if asyncio.iscoroutine(awaitable):
                awaitable.close()
            raise
        if timeout is not None:
            awaitable = asyncio.wait_for(awaitable, timeout)
        future = asyncio.ensure_future(awaitable, loop=self)
        try:
            self.drive(future.done)
        except BaseException:
            future.cancel()
            self.settle()
            raise
        return future.result()

    def run_until_complete(self, future: Generator[Any, None, T] | Awaitable[T]) -> T:
        return self.complete(cast(Awaitable[T], future))

    def pass_time(self, seconds: float) -> None:
        """Let this much time pass, watchdogs included."""
        self.check_free()
        over: list[None] = []
        self._add(self.ns + _nanoseconds(seconds), over.append, (None,))
        self.drive(lambda: bool(over))

    def settle(self) -> None:
        """Let happen what is due at this very instant."""
        self.drive(lambda: not self._agenda or self._agenda[0][0] > self.ns)

    # Futures and tasks

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, **options: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.Task(coro, loop=self, **options)
        # A world that nobody holds any more ends in silence, whatever its servers still waited for.
        task._log_destroy_pending = False  # type: ignore[attr-defined]
        return task

    def run_in_executor(self, executor: Any, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        """At once: there are no threads here."""
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future

    async def getaddrinfo(self, *args: Any, **options: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "this loop belongs to no network")

    async def getnameinfo(self, *args: Any, **options: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "this loop belongs to no network")

    # What asyncio asks of every loop

    def is_running(self) -> bool:
        return self._driver is not None

    def is_closed(self) -> bool:
        return self._closed

    def get_debug(self) -> bool:
        return False

    def set_debug(self, enabled: bool) -> None:
        pass

    def get_task_factory(self) -> None:
        return None

    def get_exception_handler(self) -> Any:
        return self._exception_handler

    def set_exception_handler(self, handler: Any) -> None:
        self._exception_handler = handler

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if self._exception_handler is not None:
            self._exception_handler(self, context)
        else:
            self.default_exception_handler(context)

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        error = context.get("exception")
        logger.error(context.get("message") or "unhandled error in the simulated network", exc_info=error)

    async def shutdown_asyncgens(self) -> None:
        pass

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        pass

    def close(self) -> None:
        """Cancel what still runs, let it clean up at this instant, and forget the rest."""
        if self._closed:
            return
        self.check_free()
        for task in asyncio.all_tasks(self):
            task.cancel()
        self.settle()
        self._closed = True
        self._agenda.clear()


def watchdog(
    loop: asyncio.AbstractEventLoop, delay: float, callback: Callable[..., object], *args: Any
) -> asyncio.TimerHandle:
    """An idle timeout on any loop: in virtual time it is no reason to go on waiting."""
    schedule = loop.watchdog if isinstance(loop, VirtualLoop) else loop.call_later
    return schedule(delay, callback, *args)


def _nanoseconds(seconds: float) -> int:
    return max(0, round(seconds * SECOND))

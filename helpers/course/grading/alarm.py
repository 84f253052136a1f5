"""A limit on the time that one piece of code in the main thread may take, where the system has alarms (not on Windows)."""

import contextlib
import signal
import threading


class TooLong(BaseException):
    """The time is over. No `Exception`, so that code which catches those does not swallow it."""


@contextlib.contextmanager
def within(seconds):
    """Raise `TooLong` inside of the block when the time is over.

    Parameters
    ----------
    seconds : float
        On the clock; and again after so many more, for code that caught it.

    Raises
    ------
    TooLong
        Never on Windows or outside of the main thread: there nothing happens.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(*_):
        raise TooLong(f"it took more than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, max(1.0, seconds / 10))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

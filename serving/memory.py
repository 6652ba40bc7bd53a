"""Memory of a process that stays: what the loaded server holds is set apart, what a burst needed is given back."""

import ctypes
import gc
import sys
from contextlib import suppress
from functools import cache

_M_TRIM_THRESHOLD = -1
_M_ARENA_MAX = -8
_KEPT = 4 << 20
"""Bytes of free memory that the C library may keep at the end of its heap."""


def bound_memory() -> None:
    """One heap for all threads, trimmed early. glibc would make one per thread, and keep what each needed once.

    To be called before any thread is started. Elsewhere than on glibc nothing happens.
    """
    with suppress(OSError, AttributeError):
        _glibc().mallopt(_M_ARENA_MAX, 1)
        _glibc().mallopt(_M_TRIM_THRESHOLD, _KEPT)


def settle_memory() -> None:
    """Tell the garbage collector that what is here now stays: its passes over a loaded server are the tail latency."""
    sys.setswitchinterval(0.0005)  # the ledger's thread must not hold the interpreter for the default 5 ms
    gc.freeze()
    # A connection leaves a dozen objects that refer to each other: those of some hundred may wait for the collector.
    gc.set_threshold(10_000, 20, 50)
    gc.enable()  # off since the process began
    give_back()


def give_back() -> None:
    """Return free pages to the system, also those inside the heap: after work that needed much for a moment."""
    with suppress(OSError, AttributeError):
        _glibc().malloc_trim(_KEPT)


@cache
def _glibc() -> ctypes.CDLL:
    """Once: each makes a class of its own, which refers to itself."""
    return ctypes.CDLL("libc.so.6")

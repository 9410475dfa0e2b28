"""The interpreter and its memory, for a process that answers scrapes while it computes.

One rule: whatever would hold up every thread at once is done before anybody is served, or made short.
"""

from __future__ import annotations

import ctypes
import gc
import sys

# Python lets a computing thread keep the interpreter for 5 ms by default, and handing out 20 MB during a sync takes
# dozens of turns. Shorter turns did not slow syncs down measurably.
SWITCH_INTERVAL = 0.0002

# Parameters of mallopt(3), with the numbers that malloc.h gives them.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
ARENAS = 1
LARGE = 128 * 1024


def share_the_interpreter() -> None:
    """Let waiting threads have it sooner."""
    sys.setswitchinterval(SWITCH_INTERVAL)


def give_memory_back() -> None:
    """Keep what a large page or publication took for a moment from staying with the process for ever.

    By default glibc makes a heap for each of a dozen threads, and after the first large block is freed it takes
    blocks of up to 32 MiB from those heaps, where they leave holes. Other systems' allocators are left as they are.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_ARENA_MAX, ARENAS)
        mallopt(M_MMAP_THRESHOLD, LARGE)
        mallopt(M_TRIM_THRESHOLD, LARGE)


def keep_what_is_loaded() -> None:
    """Take what lives as long as the process out of garbage collections, which stop every thread meanwhile."""
    gc.collect()
    gc.freeze()

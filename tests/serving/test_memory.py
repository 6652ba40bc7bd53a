"""Starting without the garbage collector must not mean serving without it."""

import subprocess
import sys

_LOADED = """
import gc
gc.disable()
from serving.memory import settle_memory
settle_memory()
print(gc.isenabled(), gc.get_freeze_count() > 1000)
"""


def test_settled_memory_is_left_alone_and_what_comes_later_is_collected() -> None:
    done = subprocess.run([sys.executable, "-c", _LOADED], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["True", "True"]

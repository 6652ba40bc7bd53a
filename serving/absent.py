"""What a server does without, though it may be installed: pyarrow would import pandas when it makes its first array.

That is 40 MB, half a second, and a library that can unpickle. Images of the server do not hold it; a laptop does.
"""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

ABSENT = "pandas"


class _Absent(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del path, target
        if fullname == ABSENT:
            raise ModuleNotFoundError(f"{ABSENT} is not for servers", name=ABSENT)
        return None


def do_without() -> None:
    """From now on, importing it fails as if it were not installed."""
    sys.meta_path.insert(0, _Absent())

"""``python -m evenkeel.doctor.errors [--check]``: docs/errors.md, made from the tree of errors."""

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

from evenkeel.errors import EvenkeelError

PAGE = Path("docs") / "errors.md"
_HEAD = """# Errors

Every error that a person can meet, made from `evenkeel/errors.py` by `python -m evenkeel.doctor.errors`. A message
names the thing, the place and the next step; this page says what kind of thing went wrong. Commands print
`<Name>: <message>` and no traceback; a traceback is a fault of Evenkeel's.

| error | is a | means | next |
|---|---|---|---|
"""


def page() -> str:
    """The page's text."""
    return _HEAD + "".join(_row(error) for error in _tree(EvenkeelError))


def _tree(error: type[EvenkeelError]) -> Iterator[type[EvenkeelError]]:
    for each in error.__subclasses__():
        if each.__module__ == EvenkeelError.__module__:
            yield each
            yield from _tree(each)


def _row(error: type[EvenkeelError]) -> str:
    means, _, then = inspect.cleandoc(error.__doc__ or "").replace("``", "`").partition("\n\nNext: ")
    kind = error.__bases__[0].__name__.removeprefix("Evenkeel").removesuffix("Error") or "-"
    return f"| `{error.__name__}` | {kind} | {means} | {' '.join(then.split())} |\n"


def main() -> int:
    """0: written, or equal to its source; 1 otherwise."""
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(page(), encoding="utf-8")
        return 0
    if PAGE.read_text(encoding="utf-8") == page():
        return 0
    print(f"{PAGE} is not what evenkeel/errors.py makes: run python -m evenkeel.doctor.errors", file=sys.stderr)
    return 1


if __name__ == "__main__":
    raise SystemExit(main())

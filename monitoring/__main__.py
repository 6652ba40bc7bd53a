"""``python -m monitoring <word>``: watch, tell, ask for a new model."""

import importlib
import sys

from evenkeel.errors import EvenkeelError

COMMANDS = {
    "check": "monitoring.check",
    "exporter": "monitoring.exporter",
    "report": "monitoring.report",
    "webhook": "monitoring.governor.webhook",
    "retrain": "monitoring.governor.hand",
    "retrain-log": "monitoring.governor.log",
    "retrain-run": "monitoring.governor.start",
    "demo": "monitoring.loop.demo",
    "drill": "monitoring.loop.drill",
}
"""Word -> module whose ``main(arguments) -> int`` does it; loaded when asked for."""


def main(arguments: list[str]) -> int:
    """Run one command; a user's mistake is a message, not a traceback."""
    word = arguments[0] if arguments else "--help"
    if word not in COMMANDS:
        print(f"usage: python -m monitoring {{{','.join(COMMANDS)}}} ...", file=sys.stderr)
        return 0 if word in ("-h", "--help") else 2
    try:
        code: int = importlib.import_module(COMMANDS[word]).main(arguments[1:])
    except EvenkeelError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return code


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

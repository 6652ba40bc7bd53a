"""``python -m monitoring.dashboards``: write the dashboards' JSON; ``--check``: fail where it is not current."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from monitoring.dashboards.data import data
from monitoring.dashboards.fleet import fleet
from monitoring.dashboards.model import model
from monitoring.dashboards.retraining import retraining

DASHBOARDS: dict[str, Callable[[], Dashboard]] = {
    "fleet": fleet,
    "model": model,
    "data": data,
    "retraining": retraining,
}
"""File name -> what builds it."""
FOLDER = Path(__file__).parent / "json"


def rendered(build: Callable[[], Dashboard]) -> str:
    """The JSON that Grafana loads; panels numbered, which the builder leaves to Grafana's own editor."""
    content: dict[str, Any] = json.loads(JSONEncoder().encode(build().build()))
    for number, panel in enumerate(content["panels"], start=1):
        panel["id"] = number
    return json.dumps(content, indent=1, sort_keys=True) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Write, or check."""
    parser = argparse.ArgumentParser(prog="python -m monitoring.dashboards", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a file is not its source")
    options = parser.parse_args(arguments)
    texts = {FOLDER / f"{name}.json": rendered(build) for name, build in DASHBOARDS.items()}
    if options.check:
        stale = [path.name for path, text in texts.items() if not path.is_file() or path.read_text() != text]
        stale += [path.name for path in FOLDER.glob("*.json") if path not in texts]
        if stale:
            print(f"{FOLDER}: not what the source says: {', '.join(stale)}; run python -m monitoring.dashboards")
        return 1 if stale else 0
    for path, text in texts.items():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""The JSON Schema of project files, for editors: ``python -m evenkeel.config.schema [--check]``."""

import json
import sys
from pathlib import Path

from evenkeel.config.project import Project

PATH = Path("conf/schema.json")


def project_schema() -> str:
    """The schema as it is committed."""
    schema = Project.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "Evenkeel project"
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> int:
    """Write the schema, or with ``--check`` tell whether the committed one is current."""
    text = project_schema()
    if "--check" in arguments:
        current = PATH.is_file() and PATH.read_text(encoding="utf-8") == text
        print(f"{PATH} equals its source" if current else f"{PATH} is not what its source makes: run make schema")
        return 0 if current else 1
    PATH.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

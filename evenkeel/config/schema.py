"""The JSON Schema of project files, for editors: ``python -m evenkeel.config.schema [--check]``."""

import ast
import inspect
import json
import sys
from itertools import pairwise
from pathlib import Path
from typing import cast

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from evenkeel.config.project import Project
from evenkeel.config.section import Section

PATH = Path("conf/schema.json")


class _Described(GenerateJsonSchema):
    """Describes fields by the texts below them in the source.

    Pydantic would (``use_attribute_docstrings``), but reads the source anew with every start of every process.
    """

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        described = super().model_schema(schema)
        for name, text in _texts(schema["cls"]).items():
            described["properties"][name]["description"] = text
        return described


def _texts(section: type[BaseModel]) -> dict[str, str]:
    """Field -> what stands below it, there or in a section that it extends."""
    texts: dict[str, str] = {}
    for definition in reversed([known for known in section.__mro__ if issubclass(known, Section)]):
        source = cast("ast.ClassDef", ast.parse(inspect.getsource(definition)).body[0])
        for above, below in pairwise(source.body):
            match above, below:
                case ast.AnnAssign(target=ast.Name(name)), ast.Expr(ast.Constant(str(text))):
                    texts[name] = inspect.cleandoc(text)
    return texts


def project_schema() -> str:
    """The schema as it is committed."""
    schema = Project.model_json_schema(schema_generator=_Described)
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

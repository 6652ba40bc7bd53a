"""Reading a project file, and saying exactly what is wrong with it: file, line, field, what is allowed."""

import re
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from evenkeel.config.project import Project
from evenkeel.errors import EncodingError, ProjectError

Loc = tuple[str | int, ...]

_SURPRISES = {f"tag:yaml.org,2002:{kind}" for kind in ("bool", "int", "timestamp")}


def find_project(name: str, folder: Path) -> Project:
    """The project ``folder/<name>.yaml``. Raises ProjectError, with the nearest names, where there is none."""
    path = folder / f"{name}.yaml"
    if path.is_file():
        return load_project(path)
    known = sorted(file.stem for file in folder.glob("*.yaml"))
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise ProjectError(
        f"no project {name!r}: {path} does not exist; {hint}known: {', '.join(known) or 'none'}."
        " make new-project NAME=... DATA=... TARGET=... writes one"
    )


def load_project(path: Path) -> Project:
    """The project in this file. Raises ProjectError naming every problem with its line."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise ProjectError(f"{path}: cannot be read: {exc}") from exc
    try:
        node = yaml.compose(text, Loader=_Loader)
        content = yaml.load(text, Loader=_Loader)  # noqa: S506  a SafeLoader below
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise ProjectError(f"{path}{line}: not valid YAML: {getattr(exc, 'problem', exc)}") from exc
    if not isinstance(content, dict):
        raise ProjectError(f"{path}: is empty or not a mapping; see conf/visits.yaml for a whole one")
    lines = _lines(node)
    try:
        project = Project.model_validate(content)
    except ValidationError as exc:
        problems = [_describe(path, error, lines) for error in exc.errors(include_url=False)]
        raise ProjectError("\n".join(dict.fromkeys(problems))) from exc
    if project.name != path.stem:
        raise ProjectError(
            f"{path}:{lines.get(('name',), 1)}: name is {project.name!r}, but the file is {path.name}; they must agree"
        )
    if project.features.module is not None:
        _require_module(project, project.features.module, f"{path}:{lines.get(('features', 'module'), 1)}")
    return project


def _require_module(project: Project, module: str, where: str) -> None:
    """Said here, and not by Project: that of a bundle is for its loader to judge, which has the module's digest too."""
    from evenkeel.features import require_columns  # numpy and pyarrow, which most projects can be read without

    try:
        require_columns(module, project.feature_columns)
    except EncodingError as exc:
        raise ProjectError(f"{where}: {exc}") from exc


class _Loader(yaml.SafeLoader):
    """Safe YAML in which a key given twice is an error and dates stay what the field makes of them."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} is given twice", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


# YAML 1.1 reads NO as false, 12:30 as 750 and a date as an object; here only true and false are booleans.
_Loader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if tag not in _SURPRISES]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(true|True|false|False)$"), list("tTfF"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?[0-9]+$"), list("-+0123456789"))


def _lines(node: yaml.Node | None, at: Loc = ()) -> dict[Loc, int]:
    """The line (from 1) at which each key or list item stands."""
    found: dict[Loc, int] = {}
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*at, key.value)
            found[here] = key.start_mark.line + 1
            found |= _lines(value, here)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            here = (*at, index)
            found[here] = value.start_mark.line + 1
            found |= _lines(value, here)
    return found


def _describe(path: Path, error: ErrorDetails, lines: dict[Loc, int]) -> str:
    loc = tuple(part for part in error["loc"])
    line = next((lines[loc[:end]] for end in range(len(loc), 0, -1) if loc[:end] in lines), 1)
    field = ".".join(str(part) for part in loc) or "project"
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        allowed = _fields_at(loc[:-1])
        near = get_close_matches(str(loc[-1]), allowed, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        message = f"is not a field here; {hint}allowed: {', '.join(sorted(allowed))}"
    elif error["type"] == "missing":
        message = "is needed and missing"
    elif error["type"] not in ("value_error",) and not isinstance(error["input"], dict):
        message += f", not {error['input']!r}"
    return f"{path}:{line}: {field}: {message}"


def _fields_at(loc: Loc) -> list[str]:
    """The field names of the section at this place of a project file."""
    sections: list[Any] = [Project]
    for part in loc:
        following: list[Any] = []
        for section in sections:
            if isinstance(section, type) and issubclass(section, BaseModel) and part in section.model_fields:
                following += _members(section.model_fields[str(part)].annotation)
        sections = following or sections
    return [name for section in sections if issubclass(section, BaseModel) for name in section.model_fields]


def _members(annotation: Any) -> list[Any]:
    """The sections that a field's type mentions: itself, or inside dict, tuple or union."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for inner in getattr(annotation, "__args__", ()) for found in _members(inner)]

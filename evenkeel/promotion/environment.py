"""Environments: where dev, staging and production are. One file of settings each, no secrets in it."""

from pathlib import Path

from dotenv import dotenv_values
from pydantic import SecretStr, ValidationError

from evenkeel.errors import SettingsError
from evenkeel.settings import Settings

FOLDER = "environments"
_PREFIX = "EVENKEEL_"


def environments(workspace: Path) -> list[str]:
    """The names of those there are."""
    return sorted(path.stem for path in (workspace / FOLDER).glob("*.env"))


def read_environment(name: str, workspace: Path) -> Settings:
    """The settings of an environment: its file before this process's own, whose secrets it needs.

    Raises SettingsError where it does not exist, names a setting that is none, or holds a secret.
    """
    path = workspace / FOLDER / f"{name}.env"
    if name not in environments(workspace):
        known = ", ".join(environments(workspace)) or "none yet"
        raise SettingsError(f"{path}: there is no such environment ({known}); see docs/promotion.md")
    values = {key: value for key, value in dotenv_values(path).items() if value is not None}
    given = {_field(path, key): value for key, value in values.items()}
    try:
        return Settings(**{**given, "environment": name})  # type: ignore[arg-type]  # pydantic converts the text
    except ValidationError as exc:
        problems = "; ".join(f"{_PREFIX}{str(e['loc'][0]).upper()}: {e['msg']}" for e in exc.errors())
        raise SettingsError(f"{path}: {problems}; see docs/settings.md") from exc


def _field(path: Path, key: str) -> str:
    field = key.removeprefix(_PREFIX).lower()
    if not key.startswith(_PREFIX) or field not in Settings.model_fields:
        raise SettingsError(f"{path}: {key} is no setting; docs/settings.md lists them")
    if SecretStr in getattr(Settings.model_fields[field].annotation, "__args__", ()):
        raise SettingsError(f"{path}: {key} is a secret: set it in the environment of whoever runs this, not in a file")
    return field

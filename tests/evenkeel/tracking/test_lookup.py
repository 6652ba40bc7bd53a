import subprocess
import sys
from pathlib import Path

import pytest

from evenkeel.bundle import Bundle
from evenkeel.errors import RegistryError
from evenkeel.settings import Settings
from evenkeel.tracking import (
    champion,
    champion_version,
    log_candidate,
)
from evenkeel.tracking.registry import by_alias
from evenkeel.tracking.store import connect
from tests.evenkeel.toy_bundle import REPOSITORY, crowned, toy_candidate


def test_no_database_is_no_champion(tmp_path: Path) -> None:
    assert champion_version(Settings(home=tmp_path / "none"), "visits") == ""
    assert not (tmp_path / "none").exists(), "asking creates nothing"


def test_a_database_still_without_tables_is_no_champion(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").touch()
    assert champion_version(Settings(home=tmp_path), "visits") == ""


def test_no_alias_is_no_champion(settings: Settings, passing: Bundle) -> None:
    assert champion_version(settings, "visits") == ""
    log_candidate(settings, toy_candidate(passing))
    assert champion_version(settings, "visits") == ""


def test_a_broken_database_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_bytes(b"not a database" * 100)
    with pytest.raises(RegistryError, match=r"mlflow\.db: cannot be read"):
        champion_version(Settings(home=tmp_path), "visits")


def test_the_short_way_finds_what_mlflow_finds(settings: Settings, passing: Bundle) -> None:
    crowned(settings, passing)
    with connect(settings) as client:
        assert champion(settings, "visits") == by_alias(client, "visits", "champion")


def test_it_imports_no_mlflow(settings: Settings, passing: Bundle, tmp_path: Path) -> None:
    crowned(settings, passing)
    code = (
        "import sys; from pathlib import Path; from evenkeel.settings import Settings\n"
        "from evenkeel.tracking import champion, download_bundle\n"
        f"settings = Settings(home=Path({str(settings.home)!r}))\n"
        f"download_bundle(settings, champion(settings, 'visits'), Path({str(tmp_path / 'fetched')!r}))\n"
        "assert not {'mlflow', 'pandas', 'sqlalchemy', 'pyarrow', 'numpy'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=REPOSITORY)


def test_a_store_mlflow_gave_up_is_named(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="maintenance mode"):
        champion_version(Settings(home=tmp_path, tracking_uri=(tmp_path / "mlruns").as_uri()), "visits")

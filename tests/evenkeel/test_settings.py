"""Settings come from the environment, are named when wrong, and stand in the documents."""

from pathlib import Path

import pytest

from evenkeel.errors import SettingsError
from evenkeel.settings import Settings, read_settings


def test_the_environment_decides(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert read_settings().home == Path(".evenkeel")
    (tmp_path / ".env").write_text("EVENKEEL_KFP_HOST=http://file\nEVENKEEL_KFP_NAMESPACE=team\n")
    monkeypatch.setenv("EVENKEEL_KFP_HOST", "http://environment")
    settings = read_settings()
    assert (settings.kfp_host, settings.kfp_namespace) == ("http://environment", "team")


def test_secrets_do_not_print(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENKEEL_KFP_TOKEN", "s3cret")
    assert "s3cret" not in repr(read_settings())


def test_a_wrong_value_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"\xff\xfe")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match=r"\.env"):
        read_settings()


def test_every_setting_is_documented(repository: Path) -> None:
    page = (repository / "docs" / "settings.md").read_text(encoding="utf-8")
    undocumented = [name for name in Settings.model_fields if f"`EVENKEEL_{name.upper()}`" not in page]
    assert not undocumented, f"docs/settings.md lacks {undocumented}"

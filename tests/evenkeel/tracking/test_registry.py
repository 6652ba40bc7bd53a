from dataclasses import replace
from pathlib import Path

import pytest

from evenkeel.bundle import Bundle
from evenkeel.errors import GateError, RegistryError, TamperedBundleError
from evenkeel.settings import Settings
from evenkeel.tracking import (
    champion,
    champion_version,
    download_bundle,
    log_candidate,
    promote,
    version,
)
from evenkeel.tracking.store import connect
from tests.evenkeel.toy_bundle import certify, crowned, toy_bundle, toy_candidate


def test_an_unknown_version_is_named(settings: Settings, passing: Bundle) -> None:
    log_candidate(settings, toy_candidate(passing))
    for name, number in [("visits", "7"), ("visits", "seven"), ("tumours", "1")]:
        with pytest.raises(RegistryError, match=f"{name} has no version '{number}' at sqlite.*champion is none"):
            version(settings, name, number)


def test_a_deleted_version_is_unknown(settings: Settings, passing: Bundle) -> None:
    crowned(settings, passing)
    with connect(settings) as client:
        client.delete_model_version("visits", "1")
    assert champion(settings, "visits") is None
    with pytest.raises(RegistryError, match="no version '1'"):
        version(settings, "visits", "1")


def test_a_tampered_bundle_is_not_downloaded(settings: Settings, passing: Bundle, tmp_path: Path) -> None:
    made = log_candidate(settings, toy_candidate(passing))
    (stored,) = settings.home.glob("artifacts/**/model.onnx")
    stored.write_text("poison")
    with pytest.raises(TamperedBundleError, match=r"model\.onnx was changed"):
        download_bundle(settings, made, tmp_path / "fetched")
    assert not (tmp_path / "fetched").exists()


def test_another_bundle_in_its_place_is_not_downloaded(settings: Settings, passing: Bundle, tmp_path: Path) -> None:
    made = log_candidate(settings, toy_candidate(passing))
    other = log_candidate(settings, toy_candidate(certify(toy_bundle(tmp_path / "other", payload="other"))))
    with pytest.raises(TamperedBundleError, match=f"not {made.digest[:12]}"):
        download_bundle(settings, replace(made, source=other.source), tmp_path / "fetched")


def test_a_version_something_else_registered_is_not_a_bundle(settings: Settings, tmp_path: Path) -> None:
    with connect(settings) as client:
        client.create_registered_model("visits")
        client.create_model_version("visits", (tmp_path / "any").as_uri())
    with pytest.raises(RegistryError, match=r"version 1 has no tag bundle\.digest"):
        download_bundle(settings, version(settings, "visits", "1"), tmp_path / "fetched")


def test_a_refused_version_cannot_be_champion(settings: Settings, tmp_path: Path) -> None:
    refused = log_candidate(settings, toy_candidate(certify(toy_bundle(tmp_path / "refused"), reason="too slow")))
    with pytest.raises(GateError, match="version 1 did not pass the gate"):
        promote(settings, refused, None)
    assert champion_version(settings, "visits") == ""


def test_promotion_is_a_compare_and_set(settings: Settings, passing: Bundle, tmp_path: Path) -> None:
    first = crowned(settings, passing)
    second = log_candidate(settings, toy_candidate(certify(toy_bundle(tmp_path / "second", payload="second"))))
    with pytest.raises(RegistryError, match="champion moved"):
        promote(settings, second, None)
    promote(settings, second, first.reference)
    promote(settings, second, first.reference)
    assert champion_version(settings, "visits") == "2"
    promote(settings, first, second.reference)
    assert champion_version(settings, "visits") == "1", "and back, where it is told to"

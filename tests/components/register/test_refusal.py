"""Bundles that are not what their certificate says are not registered."""

from pathlib import Path

import pytest

from components.register.step import register
from evenkeel.bundle import Bundle
from evenkeel.certificate import Reference
from evenkeel.errors import BundleError, GateError, RegistryError, TamperedBundleError
from evenkeel.settings import Settings
from tests.components.register.registry import runs
from tests.evenkeel.toy_bundle import certify, toy_bundle, toy_project


def test_a_tampered_bundle_is_refused(settings: Settings, passing: Bundle) -> None:
    (passing.folder / "model.onnx").write_text("poison")
    with pytest.raises(TamperedBundleError, match=r"model\.onnx was changed"):
        register(toy_project(), passing.folder, [], "")
    assert not runs(settings)


def test_a_bundle_without_certificate_is_refused(settings: Settings, tmp_path: Path) -> None:
    bundle = toy_bundle(tmp_path / "bundle")
    with pytest.raises(GateError, match=r"no certificate\.json"):
        register(toy_project(), bundle.folder, [], "")
    assert not runs(settings)


def test_a_certificate_of_another_bundle_is_refused(settings: Settings, passing: Bundle, tmp_path: Path) -> None:
    other = toy_bundle(tmp_path / "other", payload="other")
    passing.require_certificate().write(other.folder)
    with pytest.raises(GateError, match="its certificate is for"):
        register(toy_project(), other.folder, [], "")
    assert not runs(settings)


def test_a_bundle_of_another_project_is_refused(settings: Settings, passing: Bundle) -> None:
    with pytest.raises(BundleError, match="'visits', the project is 'tumours'"):
        register(toy_project("tumours"), passing.folder, [], "")


def test_a_certificate_against_another_champion_than_the_runs_is_refused(settings: Settings, tmp_path: Path) -> None:
    judged = certify(toy_bundle(tmp_path / "bundle"), champion=Reference(version="2", digest="a" * 64))
    with pytest.raises(RegistryError, match="when version 3 was champion, its certificate compares with 2"):
        register(toy_project(), judged.folder, [], "3")

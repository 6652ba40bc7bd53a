"""A server answers with the features a model was fitted with, or not at all."""

import json
from pathlib import Path

import pytest

from evenkeel.bundle import ENCODER, Bundle, seal_bundle
from evenkeel.errors import EncodingError
from evenkeel.features import module_digest
from serving.model import load_model
from tests.serving.bundles import certify, make_bundle, make_project


def _fitted_with(folder: Path, sha256: str) -> Bundle:
    """A certified bundle whose encoder says so."""
    bundle = make_bundle(folder, make_project())
    encoder = json.loads((folder / ENCODER).read_text(encoding="utf-8"))
    encoder["module"] = {"name": "household_v1", "sha256": sha256}
    (folder / ENCODER).write_text(json.dumps(encoder), encoding="utf-8")
    sealed = seal_bundle(folder, bundle.manifest)
    certify(sealed, passed=True)
    return sealed


def test_a_bundle_of_another_module_is_refused(tmp_path: Path) -> None:
    bundle = _fitted_with(tmp_path / "bundle", "0" * 64)
    with pytest.raises(EncodingError, match="train again"):
        load_model(bundle.folder)


def test_a_bundle_brings_no_code(tmp_path: Path) -> None:
    """A module beside the model is a file like any other: the one that is here runs, and lacks its columns."""
    bundle = _fitted_with(tmp_path / "bundle", module_digest("household_v1"))
    (bundle.folder / "household_v1.py").write_text("raise SystemExit('the bundle was run')")
    certify(seal_bundle(bundle.folder, bundle.manifest), passed=True)
    with pytest.raises(EncodingError, match="reads column 'family_size'"):
        load_model(bundle.folder)

"""A bundle is opened only when every byte is what its manifest says."""

import json
from pathlib import Path

import pytest

from evenkeel.bundle import MANIFEST, REGISTRATION, Bundle, Manifest, main, open_bundle, seal_bundle
from evenkeel.certificate import Certificate, Check
from evenkeel.errors import BundleError, GateError, TamperedBundleError


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    folder = tmp_path / "bundle"
    (folder / "more").mkdir(parents=True)
    (folder / "model.onnx").write_bytes(b"graph")
    (folder / "more" / "notes.txt").write_text("x")
    manifest = Manifest(
        name="churn",
        task="binary",
        classes=("NO", "YES"),
        threshold=0.4,
        portable="onnx",
        estimator="sklearn.linear_model.LogisticRegression",
        params={"C": 1.0},
        data_version="0" * 32,
        code_version="1" * 64,
        lock="2" * 64,
        train_rows=80,
        evaluation_rows=20,
    )
    return seal_bundle(folder, manifest)


def certify(bundle: Bundle, *, passed: bool = True, digest: str | None = None) -> None:
    check = Check(
        gate="require",
        subject="roc_auc",
        value=0.6,
        threshold=0.7,
        verdict="pass" if passed else "fail",
        reason="roc_auc 0.60 is below 0.70",
    )
    Certificate(
        project="churn",
        bundle=digest or bundle.digest,
        data_version="0" * 32,
        evaluation="3" * 64,
        champion=None,
        metrics={},
        checks=(check,),
        passed=passed,
    ).write(bundle.folder)


def test_a_sealed_bundle_opens(bundle: Bundle) -> None:
    opened = open_bundle(bundle.folder, digest=bundle.digest)
    assert opened.manifest == bundle.manifest
    assert set(opened.manifest.files) == {"model.onnx", "more/notes.txt"}


def test_certificate_and_registration_stand_beside_the_digest(bundle: Bundle) -> None:
    certify(bundle)
    (bundle.folder / REGISTRATION).write_text("{}")
    opened = open_bundle(bundle.folder)
    assert opened.digest == bundle.digest
    assert opened.require_certificate().passed


@pytest.mark.parametrize("name", ["model.onnx", "more/notes.txt"])
def test_a_changed_file_is_refused(bundle: Bundle, name: str) -> None:
    (bundle.folder / name).write_bytes(b"other")
    with pytest.raises(TamperedBundleError, match=f"{name} was changed"):
        open_bundle(bundle.folder)


def test_a_missing_file_is_refused(bundle: Bundle) -> None:
    (bundle.folder / "model.onnx").unlink()
    with pytest.raises(TamperedBundleError, match=r"model\.onnx is in the manifest and missing"):
        open_bundle(bundle.folder)


def test_a_smuggled_file_is_refused(bundle: Bundle) -> None:
    (bundle.folder / "model.pkl").write_bytes(b"x")
    with pytest.raises(TamperedBundleError, match=r"does not name: model\.pkl"):
        open_bundle(bundle.folder)


def test_a_consistently_rewritten_bundle_is_another_bundle(bundle: Bundle) -> None:
    before = bundle.digest
    (bundle.folder / "model.onnx").write_bytes(b"other")
    (bundle.folder / MANIFEST).unlink()
    forged = seal_bundle(bundle.folder, bundle.manifest)
    assert forged.digest != before
    with pytest.raises(TamperedBundleError, match="as the release says"):
        open_bundle(bundle.folder, digest=before)


def test_a_changed_manifest_is_another_bundle(bundle: Bundle) -> None:
    path = bundle.folder / MANIFEST
    path.write_text(json.dumps(json.loads(path.read_text()) | {"threshold": 0.01}))
    with pytest.raises(TamperedBundleError, match="as the release says"):
        open_bundle(bundle.folder, digest=bundle.digest)


@pytest.mark.parametrize("text", ["{}", "nonsense", '{"format": "evenkeel.bundle/v9"}'])
def test_an_unreadable_manifest_is_named(bundle: Bundle, text: str) -> None:
    (bundle.folder / MANIFEST).write_text(text)
    with pytest.raises(BundleError, match=r"manifest\.json: is not a manifest"):
        open_bundle(bundle.folder)


def test_a_folder_without_manifest_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="is not a bundle"):
        open_bundle(tmp_path)


def test_no_certificate_no_service(bundle: Bundle) -> None:
    with pytest.raises(GateError, match="only evaluated bundles may be served"):
        open_bundle(bundle.folder).require_certificate()


def test_a_refused_bundle_is_not_served(bundle: Bundle) -> None:
    certify(bundle, passed=False)
    with pytest.raises(GateError, match=r"roc_auc 0\.60 is below 0\.70"):
        open_bundle(bundle.folder).require_certificate()


def test_another_bundles_certificate_does_not_count(bundle: Bundle) -> None:
    certify(bundle, digest="f" * 64)
    with pytest.raises(GateError, match="its certificate is for ffffffffffff"):
        open_bundle(bundle.folder).require_certificate()


def test_a_verdict_edited_to_passed_is_no_certificate(bundle: Bundle) -> None:
    certify(bundle, passed=False)
    path = bundle.folder / "certificate.json"
    path.write_text(path.read_text().replace('"passed": false', '"passed": true'))
    with pytest.raises(BundleError, match="says passed, and its checks do not"):
        open_bundle(bundle.folder)


def test_the_command_line(bundle: Bundle, capsys: pytest.CaptureFixture[str]) -> None:
    certify(bundle)
    assert main(["verify", str(bundle.folder)]) == 0
    assert main(["show", str(bundle.folder)]) == 0
    assert bundle.digest in capsys.readouterr().out
    (bundle.folder / "model.onnx").write_bytes(b"other")
    assert main(["verify", str(bundle.folder)]) == 1
    assert "TamperedBundleError: " in capsys.readouterr().err

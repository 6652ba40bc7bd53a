"""The bundle: the folder that is a model, and the same folder on every target.

::

    manifest.json        what it is, and the sha256 of every file below      <- its digest is the bundle's
    project.json         the project it was trained for (contract, limits, policies)
    encoder.json         columns -> float64 matrix, fitted (evenkeel.encoder)
    model.onnx           matrix -> scores, float64 (portable: onnx, or onnx-sparse: the terms of texts apart)
    trees.npz            the same trees for many rows at once, where that pays (evenkeel.quickscorer)
    model.skops          the whole scikit-learn pipeline
    evaluation.parquet   the frozen evaluation rows
    samples.json         a few rows and the bundle's own answers: the smoke test of every rollout
    search.json          the trials of the hyper-parameter search
    profile.json         reference profile for drift
    certificate.json     what was proved about this digest                   (beside, not below, the digest)
    registration.json    when, by which run and commit it was registered     (likewise)
    signature.json       who sealed bundle and certificate (evenkeel.signature), where a key is configured (likewise)

Times and ids stand in no file below the digest: the same code on the same data gives the same digest.
"""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from evenkeel.certificate import FILE as CERTIFICATE
from evenkeel.certificate import Certificate, read_certificate
from evenkeel.config.project import Project
from evenkeel.digest import file_sha256, json_digest
from evenkeel.errors import BundleError, GateError, TamperedBundleError

MANIFEST = "manifest.json"
REGISTRATION = "registration.json"
SIGNATURE = "signature.json"
PROJECT = "project.json"
ENCODER = "encoder.json"
ONNX = "model.onnx"
TREES = "trees.npz"
SKOPS = "model.skops"
EVALUATION = "evaluation.parquet"
SAMPLES = "samples.json"
SEARCH = "search.json"
PROFILE = "profile.json"

_BESIDE = {MANIFEST, CERTIFICATE, REGISTRATION, SIGNATURE}


class ConformalInterval(BaseModel):
    """A prediction interval of constant width: prediction -/+ half_width covers ``coverage`` of new rows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    coverage: float
    half_width: float


class Manifest(BaseModel):
    """What a bundle is. Its canonical JSON's sha256 is the bundle's digest."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["evenkeel.bundle/v1"] = "evenkeel.bundle/v1"
    name: str
    """The project's name, and the registered model's."""
    task: Literal["binary", "multiclass", "regression"]
    classes: tuple[str | int | bool, ...] = ()
    """In the order of the model's probabilities; binary: negative first."""
    threshold: float | None = None
    """Binary: probability of the positive class from which the label is positive."""
    interval: ConformalInterval | None = None
    portable: Literal["onnx", "onnx-sparse", "skops"]
    """What servers load. A reader that does not know the form refuses the manifest, before it answers wrongly."""
    estimator: str
    params: dict[str, Any]
    """The estimator's parameters after the search."""
    data_version: str
    code_version: str
    """sha256 over the project's own source and lock (evenkeel.code)."""
    lock: str
    """sha256 of the environment lock."""
    train_rows: int
    evaluation_rows: int
    libraries: dict[str, str] = {}
    """Versions that decide how the files read: scikit-learn, skops, onnx..."""
    files: dict[str, str] = {}
    """POSIX path below the bundle -> sha256."""

    @property
    def digest(self) -> str:
        """Hex sha256 that names this bundle."""
        return json_digest(self.model_dump(mode="json"))


class Bundle:
    """A bundle on disk whose every file was checked against its manifest."""

    def __init__(self, folder: Path, manifest: Manifest, certificate: Certificate | None) -> None:
        self.folder = folder
        self.manifest = manifest
        self.certificate = certificate

    @property
    def digest(self) -> str:
        """Hex sha256 that names this bundle."""
        return self.manifest.digest

    def project(self) -> Project:
        """The project it was trained for."""
        return Project.from_parameter((self.folder / PROJECT).read_text(encoding="utf-8"))

    def require_certificate(self) -> Certificate:
        """The passing certificate for this digest. Raises GateError where there is none."""
        certificate = self.certificate
        if certificate is None:
            raise GateError(
                f"{self.folder}: has no {CERTIFICATE}; only evaluated bundles may be served: run the pipeline"
            )
        if certificate.bundle != self.digest:
            raise GateError(
                f"{self.folder}: its certificate is for {certificate.bundle[:12]}, this bundle is {self.digest[:12]}"
            )
        if not certificate.passed:
            reasons = "; ".join(check.reason for check in certificate.refusals)
            raise GateError(f"{self.folder}: the gate refused it: {reasons}")
        return certificate


def seal_bundle(folder: Path, manifest: Manifest) -> Bundle:
    """Write the manifest of a finished folder, with the sha256 of every file in it."""
    sealed = manifest.model_copy(update={"files": _digests(folder)})
    (folder / MANIFEST).write_text(sealed.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return Bundle(folder, sealed, None)


def open_bundle(folder: Path, *, digest: str | None = None) -> Bundle:
    """The bundle in this folder, every file checked before anything is loaded.

    Raises BundleError where it is incomplete or of another format, TamperedBundleError where a file, or the
    bundle as a whole (``digest``), is not what it should be.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise BundleError(f"{folder}: is not a bundle: it has no {MANIFEST}")
    try:
        manifest = Manifest.model_validate_json(path.read_text(encoding="utf-8"))
    except ValueError as exc:
        raise BundleError(f"{path}: is not a manifest this version can read: {exc}") from exc
    if digest is not None and manifest.digest != digest:
        raise TamperedBundleError(f"{folder}: is bundle {manifest.digest[:12]}, not {digest[:12]} as the release says")
    present = _digests(folder)
    for name, expected in manifest.files.items():
        if name not in present:
            raise TamperedBundleError(f"{folder}: {name} is in the manifest and missing; fetch the bundle again")
        if present[name] != expected:
            raise TamperedBundleError(
                f"{folder}: {name} was changed: sha256 is {present[name][:12]}, the manifest says {expected[:12]};"
                " fetch the bundle again and find out who wrote to it"
            )
    if strangers := sorted(set(present) - set(manifest.files)):
        raise TamperedBundleError(f"{folder}: holds files that the manifest does not name: {', '.join(strangers)}")
    return Bundle(folder, manifest, read_certificate(folder))


def _digests(folder: Path) -> dict[str, str]:
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    names = {file.relative_to(folder).as_posix(): file for file in files}
    return {name: file_sha256(file) for name, file in names.items() if name not in _BESIDE}


def main(arguments: list[str] | None = None) -> int:
    """``python -m evenkeel.bundle show|verify PATH``."""
    import argparse
    import sys

    from evenkeel.errors import EvenkeelError

    parser = argparse.ArgumentParser(prog="python -m evenkeel.bundle", description="Look at a bundle, or check it.")
    parser.add_argument("verb", choices=["show", "verify"])
    parser.add_argument("path", type=Path)
    options = parser.parse_args(arguments)
    try:
        bundle = open_bundle(options.path)
        if options.verb == "verify":
            bundle.require_certificate()
            print(f"ok: {bundle.manifest.name} {bundle.digest}: {len(bundle.manifest.files)} files, certificate passes")
        else:
            print(bundle.manifest.model_dump_json(indent=2))
            print(f"digest {bundle.digest}")
    except EvenkeelError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""A signature is for one bundle and one certificate, by a key that is known."""

import datetime as dt
import subprocess
from pathlib import Path

import pytest

from evenkeel.bundle import SIGNATURE, Bundle, open_bundle
from evenkeel.errors import GateError, SettingsError, SignatureError
from evenkeel.rollout.publish import publish
from evenkeel.signature import require_signature, sign
from evenkeel.targets.local import LocalTarget
from tests.evenkeel.toy_bundle import certify, toy_bundle


def key_pair(folder: Path, name: str, algorithm: str = "ed25519") -> tuple[Path, Path]:
    """Made as docs/supply-chain.md says."""
    private, public = folder / f"{name}.key", folder / f"{name}.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", algorithm, "-out", private], check=True, capture_output=True)
    subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public], check=True)
    return private, public


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    return key_pair(tmp_path, "ours")


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return certify(toy_bundle(tmp_path / "bundle"))


def test_what_was_signed_is_known_again(bundle: Bundle, keys: tuple[Path, Path]) -> None:
    made = sign(bundle, keys[0])
    assert require_signature(open_bundle(bundle.folder, digest=bundle.digest), keys[1]) == made


def test_a_folder_of_keys_lets_old_and_new_in(bundle: Bundle, keys: tuple[Path, Path], tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    folder.mkdir()
    key_pair(folder, "new")
    (folder / "old.pem").write_bytes(keys[1].read_bytes())
    sign(bundle, keys[0])
    require_signature(bundle, folder)


def test_without_one_it_is_refused(bundle: Bundle, keys: tuple[Path, Path]) -> None:
    with pytest.raises(SignatureError, match=r"has no signature\.json"):
        require_signature(bundle, keys[1])


def test_another_key_is_refused(bundle: Bundle, keys: tuple[Path, Path], tmp_path: Path) -> None:
    sign(bundle, key_pair(tmp_path, "theirs")[0])
    with pytest.raises(SignatureError, match="was signed with key"):
        require_signature(bundle, keys[1])


def test_another_bundles_signature_is_refused(bundle: Bundle, keys: tuple[Path, Path], tmp_path: Path) -> None:
    other = certify(toy_bundle(tmp_path / "other", payload="evil"))
    sign(bundle, keys[0])
    (other.folder / SIGNATURE).write_bytes((bundle.folder / SIGNATURE).read_bytes())
    with pytest.raises(SignatureError, match="for another bundle or certificate"):
        require_signature(other, keys[1])


def test_an_edited_certificate_breaks_it(bundle: Bundle, keys: tuple[Path, Path]) -> None:
    sign(bundle, keys[0])
    file = bundle.folder / "certificate.json"
    file.write_text(file.read_text().replace('"reason": "', '"reason": "really, '))
    with pytest.raises(SignatureError, match="for another bundle or certificate"):
        require_signature(open_bundle(bundle.folder), keys[1])


def test_a_file_that_is_no_signature_is_named(bundle: Bundle, keys: tuple[Path, Path]) -> None:
    (bundle.folder / SIGNATURE).write_text("yes")
    with pytest.raises(SignatureError, match=r"signature\.json: is not a signature"):
        require_signature(bundle, keys[1])


def test_what_did_not_pass_is_not_signed(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    refused = certify(toy_bundle(tmp_path / "refused"), reason="worse than a coin")
    with pytest.raises(GateError):
        sign(refused, keys[0])


@pytest.mark.parametrize("algorithm", ["rsa", "nothing"])
def test_a_key_of_another_kind_is_named_with_the_way_to_make_one(
    bundle: Bundle, tmp_path: Path, algorithm: str
) -> None:
    path = tmp_path / "signing.pem"
    if algorithm == "nothing":
        path.write_text("s3cret")
    else:
        path = key_pair(tmp_path, "rsa", "rsa")[0]
    with pytest.raises(SettingsError, match=r"EVENKEEL_SIGNING_KEY .*openssl genpkey") as refused:
        sign(bundle, path)
    assert "s3cret" not in str(refused.value)


def test_a_target_takes_only_what_is_signed(bundle: Bundle, keys: tuple[Path, Path], tmp_path: Path) -> None:
    target = LocalTarget(tmp_path / "releases", keys[1])
    with pytest.raises(SignatureError, match=r"has no signature\.json"):
        target.apply(bundle.project(), bundle, "1")
    assert target.status("visits").current is None
    sign(bundle, keys[0])
    target.apply(bundle.project(), bundle, "1")
    released = tmp_path / "releases" / "visits" / "bundles" / bundle.digest
    require_signature(open_bundle(released), keys[1])


def test_a_published_bundle_keeps_its_signature(bundle: Bundle, keys: tuple[Path, Path], tmp_path: Path) -> None:
    sign(bundle, keys[0])
    release = publish(bundle, "1", "passed", str(tmp_path / "published"), dt.datetime.now(dt.UTC))
    require_signature(open_bundle(Path(release.bundle)), keys[1])

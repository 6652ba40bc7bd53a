"""Where keys are given, the server loads only what one of them signed."""

import subprocess
import sys
from pathlib import Path

import pytest

from evenkeel.errors import SignatureError
from evenkeel.signature import sign
from serving.model import load_model
from tests.serving.bundles import make_bundle, make_project


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    private, public = tmp_path / "ours.key", tmp_path / "ours.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", private], check=True, capture_output=True)
    subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public], check=True)
    return private, public


def test_unsigned_is_not_loaded_and_signed_is(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    bundle = make_bundle(tmp_path / "bundle", make_project())
    with pytest.raises(SignatureError, match=r"has no signature\.json"):
        load_model(bundle.folder, verify_keys=keys[1])
    sign(bundle, keys[0])
    assert load_model(bundle.folder, verify_keys=keys[1]).certified


def test_nothing_asks_for_cryptography_where_no_key_is_given(tmp_path: Path) -> None:
    """It would cost every start some milliseconds and megabytes."""
    bundle = make_bundle(tmp_path / "bundle", make_project())
    program = (
        "import sys, pathlib; from serving.model import load_model; load_model(pathlib.Path(sys.argv[1]));"
        "print('cryptography' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program, bundle.folder], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"

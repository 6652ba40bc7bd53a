import tomllib
from pathlib import Path

import yaml

from evenkeel.bundle import Bundle
from evenkeel.settings import Settings
from evenkeel.tracking.package import CORE, package_model, requirements
from evenkeel.tracking.store import connect
from tests.evenkeel.toy_bundle import toy_bundle, toy_project


def test_it_is_an_mlflow_model_without_pickle(passing: Bundle, tmp_path: Path) -> None:
    package_model(passing, toy_project(), tmp_path / "model")
    model = yaml.safe_load((tmp_path / "model" / "MLmodel").read_text())
    flavor = model["flavors"]["python_function"]
    assert (flavor["loader_module"], flavor["data"], flavor["code"]) == ("evenkeel.predictor", "data/bundle", None)
    files = [path.name for path in (tmp_path / "model").rglob("*") if path.is_file()]
    assert not [name for name in files if name.endswith((".pkl", ".pickle", ".joblib"))]


def test_the_example_keeps_the_signature(passing: Bundle, tmp_path: Path) -> None:
    from mlflow.models import Model
    from mlflow.models.utils import _enforce_schema

    package_model(passing, toy_project(), tmp_path / "model")
    model = Model.load(str(tmp_path / "model"))
    example = model.load_input_example(str(tmp_path / "model"))
    assert model.signature is not None
    kept = _enforce_schema(example, model.signature.inputs)
    assert list(kept.columns) == list(toy_project().feature_columns)
    assert kept["children"].tolist()[1] == 2.0


def test_sensitive_columns_are_in_no_example(settings: Settings, passing: Bundle, tmp_path: Path) -> None:
    plain = toy_project().model_dump(mode="json")
    plain["contract"]["columns"]["income"]["sensitive"] = "hash"
    with connect(settings):
        package_model(passing, toy_project(contract=plain["contract"]), tmp_path / "model")
    assert not (tmp_path / "model" / "input_example.json").exists()


def test_the_core_is_what_the_distribution_needs(repository: Path) -> None:
    dependencies = tomllib.loads((repository / "pyproject.toml").read_text())["project"]["dependencies"]
    assert sorted(line.partition(">")[0] for line in dependencies) == sorted(CORE)


def test_the_scikit_learn_form_pins_its_libraries(tmp_path: Path) -> None:

    bundle = toy_bundle(tmp_path / "skops")
    manifest = bundle.manifest.model_copy(update={"portable": "skops", "libraries": {"scikit-learn": "1.9.1"}})
    assert "scikit-learn==1.9.1" in requirements(Bundle(bundle.folder, manifest, None))
    assert not [pin for pin in requirements(bundle) if pin.startswith("scikit-learn")]

"""A project file is read strictly, and each mistake is named with its line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from evenkeel.config import Project, find_project, load_project
from evenkeel.config.schema import project_schema
from evenkeel.errors import ProjectError

Change = Callable[[dict[str, Any]], None]


def minimal() -> dict[str, Any]:
    return {
        "name": "churn",
        "data": {"path": "data/churn.csv"},
        "target": {"column": "left", "task": "binary", "positive": "YES"},
        "contract": {
            "columns": {
                "left": {"type": "category", "categories": ["YES", "NO"]},
                "age": {"type": "integer", "min": 0},
                "city": {"type": "category", "categories": ["Oslo", "Åre"]},
                "note": {"type": "string"},
                "when": {"type": "datetime"},
            }
        },
        "model": {"estimator": "sklearn.linear_model.LogisticRegression"},
        "gates": {"metric": "roc_auc", "require": {"roc_auc": 0.7}},
    }


def write(folder: Path, content: dict[str, Any]) -> Path:
    path = folder / "churn.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return path


def test_a_minimal_project_is_whole(tmp_path: Path) -> None:
    project = load_project(write(tmp_path, minimal()))
    assert project.classes == ("NO", "YES"), "negative first"
    assert list(project.feature_columns) == ["age", "city", "when"], "strings and the target are no features"
    assert project.data.pointer_path == "data/churn.csv.dvc"


def test_it_travels_as_one_parameter(tmp_path: Path) -> None:
    project = load_project(write(tmp_path, minimal()))
    assert Project.from_parameter(project.to_parameter()) == project


def test_a_project_too_large_for_a_parameter_says_so(tmp_path: Path) -> None:
    content = minimal()
    content["contract"]["columns"]["city"]["categories"] = [f"city number {n}" for n in range(9000)]
    with pytest.raises(ProjectError, match="KiB as a pipeline parameter"):
        load_project(write(tmp_path, content)).to_parameter()


def change(path: str, value: Any) -> Change:
    def apply(content: dict[str, Any]) -> None:
        *parents, last = path.split(".")
        for part in parents:
            content = content.setdefault(part, {})
        content[last] = value

    return apply


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        (change("modle", {}), r"churn.yaml:\d+: modle: is not a field here; did you mean 'model'"),
        (change("model.estimater", "x.y"), r"model.estimater: is not a field here; did you mean 'estimator'"),
        (change("contract.columns.age.minn", 3), r"contract.columns.age.minn: .*did you mean 'min'"),
        (change("contract.columns.age.min", "old"), r"contract.columns.age.min: .*valid number.*'old'"),
        (
            change("contract.columns.age.categories", ["a"]),
            r"'categories' is for category columns, this one is integer",
        ),
        (change("contract.columns.city.categories", ["a", "a"]), r"lists a value twice"),
        (change("contract.columns.city.categories", None), r"needs 'categories'"),
        (change("contract.columns.age.max", -1), r"min 0.0 is above max -1.0"),
        (change("contract.columns.note.regex", "("), r"regex '\(' does not compile"),
        (change("target.column", "lft"), r"target.column names 'lft'.*did you mean 'left'"),
        (change("target.column", "age"), r"is integer; classes need category or boolean"),
        (change("target.positive", "MAYBE"), r"target.positive 'MAYBE' is not one of"),
        (change("target", {"column": "left", "task": "binary"}), r"needs 'positive'"),
        (change("target", {"column": "left", "task": "multiclass", "positive": "YES"}), r"'positive' is for binary"),
        (change("target", {"column": "left", "task": "regression"}), r"regression needs integer or number"),
        (change("features", {"columns": ["left"]}), r"names the target 'left': the model would be told the answer"),
        (change("features", {"drop": ["age", "city", "when"]}), r"no column is left as a feature"),
        (change("features", {"drop": ["ag"]}), r"features.drop names 'ag'.*did you mean 'age'"),
        (
            change("features", {"module": "household"}),
            r"churn.yaml:\d+: features.module 'household' is not here; did you mean 'household_v1'\? known: household_",
        ),
        (
            change("features", {"module": "household_v1"}),
            r"features.module 'household_v1' reads column 'income'; given are age, city, when",
        ),
        (change("split", {"by": "time"}), r"'cutoff' and 'by: time' go together"),
        (change("split", {"by": "time", "cutoff": "2024-01-01"}), r"data.time must name the column"),
        (change("data.time", "age"), r"data.time 'age' must be a datetime column"),
        (change("data.path", "/home/me/x.csv"), r"must be a path below the repository"),
        (change("data.path", "s3://b/x.csv"), r"must be a path below the repository"),
        (change("data.version", "latest"), r"data.version: .*pattern"),
        (change("gates.require", {}), r"at least one absolute minimum"),
        (change("model.search", {"space": {"C": {"low": 3, "high": 1}}}), r"low below high"),
        (change("model.search", {"space": {"C": {"low": 0, "high": 1, "log": True}}}), r"must start above 0"),
        (change("retraining", {"schedule": "0 3 * * *"}), r"needs six fields"),
        (change("retraining", {"on": ["schedule"]}), r"'schedule' must be given"),
        (change("name", "Churn!"), r"name: .*pattern"),
    ],
)
def test_each_mistake_is_named(tmp_path: Path, mistake: Change, message: str) -> None:
    content = minimal()
    mistake(content)
    with pytest.raises(ProjectError, match=message):
        load_project(write(tmp_path, content))


def test_a_modules_columns_must_be_of_a_type_that_it_takes(tmp_path: Path) -> None:
    content = minimal()
    income, size = {"type": "number", "nullable": True}, {"type": "integer"}
    content["contract"]["columns"] |= {"income": income, "family_size": size}
    content["features"] = {"module": "household_v1"}
    assert load_project(write(tmp_path, content)).features.module == "household_v1"
    content["contract"]["columns"]["family_size"] = {"type": "category", "categories": ["small", "large"]}
    with pytest.raises(ProjectError, match="'household_v1' cannot be computed of columns of these types: unsupported"):
        load_project(write(tmp_path, content))


def test_the_line_is_the_fields_own(tmp_path: Path) -> None:
    path = write(tmp_path, minimal())
    text = path.read_text(encoding="utf-8").replace("min: 0", "min: zero")
    path.write_text(text, encoding="utf-8")
    line = 1 + text.splitlines().index("      min: zero")
    with pytest.raises(ProjectError, match=rf"churn.yaml:{line}: contract.columns.age.min"):
        load_project(path)


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    content = minimal()
    change("modle", {})(content)
    change("contract.columns.age.min", "old")(content)
    with pytest.raises(ProjectError) as caught:
        load_project(write(tmp_path, content))
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: a: b", r"churn.yaml:1: not valid YAML"),
        ("name: x\nname: y", r"churn.yaml:2: not valid YAML: key 'name' is given twice"),
        ("", "is empty or not a mapping"),
        ("- a", "is empty or not a mapping"),
    ],
)
def test_files_that_are_no_projects(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "churn.yaml").write_text(text)
    with pytest.raises(ProjectError, match=message):
        load_project(tmp_path / "churn.yaml")


def test_words_stay_words(tmp_path: Path) -> None:
    """YAML 1.1 would make False of NO and a date of 2024-01-01."""
    content = minimal()
    path = write(tmp_path, content)
    path.write_text(path.read_text(encoding="utf-8").replace("'YES'", "YES").replace("'NO'", "NO"), encoding="utf-8")
    assert load_project(path).classes == ("NO", "YES")


def test_name_and_file_must_agree(tmp_path: Path) -> None:
    content = minimal() | {"name": "other"}
    with pytest.raises(ProjectError, match="they must agree"):
        load_project(write(tmp_path, content))


def test_an_unknown_project_offers_the_nearest(tmp_path: Path) -> None:
    write(tmp_path, minimal())
    with pytest.raises(ProjectError, match="did you mean 'churn'"):
        find_project("chrun", tmp_path)


def test_every_bundled_project_fits_code_and_schema(repository: Path) -> None:
    schema = json.loads(project_schema())
    files = sorted((repository / "conf").glob("*.yaml"))
    assert files
    for file in files:
        project = load_project(file)
        assert file.read_text(encoding="utf-8").startswith("# yaml-language-server: $schema=schema.json\n"), file
        content = json.loads(project.model_dump_json(exclude_defaults=True))
        jsonschema.validate(content, schema)


def test_the_committed_schema_equals_its_source(repository: Path) -> None:
    assert (repository / "conf" / "schema.json").read_text(encoding="utf-8") == project_schema()

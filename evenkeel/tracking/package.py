"""The MLflow form of a bundle: a pyfunc model whose data is the bundle as it is. No pickle, no code.

Whoever loads it needs ``evenkeel.predictor``, that is this project at the commit in the version's tags. It is not among
the pip requirements: its name is on no public index, and who registered it there first would run code here.
"""

from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from evenkeel.bundle import EVALUATION, Bundle, Manifest
from evenkeel.config.contract import Column, ColumnType
from evenkeel.config.project import Project
from evenkeel.tracking.version import BUNDLE

if TYPE_CHECKING:
    from mlflow.models import ModelSignature

_TYPES = {
    ColumnType.INTEGER: "long",
    ColumnType.NUMBER: "double",
    ColumnType.BOOLEAN: "boolean",
    ColumnType.DATETIME: "datetime",
}
_EXAMPLE_ROWS = 2

CORE = (
    "cryptography",
    "markupsafe",
    "numpy",
    "onnxruntime",
    "pyarrow",
    "pydantic",
    "pydantic-settings",
    "python-dotenv",
    "pyyaml",
)
"""The core's dependencies, as in pyproject.toml."""


def package_model(bundle: Bundle, project: Project, folder: Path) -> None:
    """Write the bundle as an MLflow model at ``folder``: the bundle below ``data/bundle``, signature, example, pins."""
    import mlflow.pyfunc  # and Arrow below: who only asks for the champion loads neither

    with TemporaryDirectory() as scratch:
        named = Path(scratch) / Path(BUNDLE).name  # MLflow keeps the name of the folder it is given
        named.symlink_to(bundle.folder.resolve(), target_is_directory=True)
        mlflow.pyfunc.save_model(
            path=folder,
            loader_module="evenkeel.predictor",
            data_path=str(named),
            signature=signature(project, bundle.manifest),
            input_example=_example(bundle, project),
            pip_requirements=requirements(bundle),
        )


def signature(project: Project, manifest: Manifest) -> "ModelSignature":
    """The columns a data frame must have, which MLflow checks, and those of the answer."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    columns = project.feature_columns.items()
    inputs = [ColSpec(_type(column), name, required=not column.nullable) for name, column in columns]
    outputs = [ColSpec(kind, name) for name, kind in _answers(manifest).items()]
    return ModelSignature(Schema([*inputs]), Schema([*outputs]))


def requirements(bundle: Bundle) -> list[str]:
    """What the loader needs, pinned to what judged the bundle: the core's dependencies, scikit-learn for skops."""
    pins = {name: version(name) for name in CORE}
    if bundle.manifest.portable == "skops":
        pins |= bundle.manifest.libraries
    return [f"{name}=={pin}" for name, pin in sorted(pins.items())]


def _type(column: Column) -> str:
    if column.type is ColumnType.INTEGER and column.nullable:
        return "double"  # a data frame holds integers with gaps as floats
    return _TYPES.get(column.type, "string")


def _answers(manifest: Manifest) -> dict[str, str]:
    """Columns that ``evenkeel.predictor.FramePredictor`` answers with -> type."""
    from evenkeel.table import label_text

    if manifest.task == "regression":
        return dict.fromkeys(("value", "lower", "upper") if manifest.interval else ("value",), "double")
    label = {bool: "boolean", int: "long", str: "string"}[type(manifest.classes[0])]
    return {"label": label} | {f"probability_{label_text(value)}": "double" for value in manifest.classes}


def _example(bundle: Bundle, project: Project) -> Any:
    """The first evaluation rows as a data frame; None where a column is sensitive: examples are shown to everyone."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = project.feature_columns
    if any(column.sensitive != "no" for column in columns.values()):
        return None
    with pq.ParquetFile(bundle.folder / EVALUATION) as file:
        batch = next(file.iter_batches(_EXAMPLE_ROWS, columns=list(columns)))
    return pa.Table.from_batches([batch]).select(list(columns)).to_pandas()

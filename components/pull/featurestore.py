"""Features from Feast, joined to the data as of each row's time: the one door for feast in training.

Feast gives a row the newest value that was known at its time and not older than the feature view's ttl. It answers in
an order of its own and may leave rows out, equal ones and such as it knows nothing of: so it is asked once for each
pair of key and time, which carries a number there and back.
"""

import re
import shutil
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from evenkeel.cells import read_cells
from evenkeel.config import Project
from evenkeel.config.features import FeastFeatures
from evenkeel.errors import DataError, EvenkeelError, SettingsError
from evenkeel.table import read_raw, write_table

if TYPE_CHECKING:
    from feast import FeatureService, FeatureStore
    from pandas import DataFrame

_PAIR = "evenkeel_pair"
_TIME = "event_timestamp"
"""Feast's own name."""
JOINED = "joined.parquet"
_SHOWN = re.compile(r" \[type=.*")
"""Of a line that says what is wrong with feature_store.yaml: what stands there, which may be a password."""


def add_features(folder: Path, project: Project, feast: FeastFeatures, workspace: Path) -> None:
    """Replace the data in ``folder`` by the same rows with the service's columns.

    Raises SettingsError where Feast is not installed, DataError where service, ttl or columns are not what the project
    says, or Feast fails.
    """
    raw = read_raw(folder, project.data)
    if both := [name for name in feast.columns if name in raw.column_names]:
        raise DataError(
            f"{project.data.path} has the column {both[0]!r}, and features.feast.columns too: take one away"
        )
    try:
        joined = _join(raw, project, feast, workspace / feast.repo)
    except EvenkeelError:
        raise
    except ImportError as exc:
        raise SettingsError(f"Feast is not installed ({exc}): run tools/engines, see docs/engines.md") from exc
    except Exception as exc:  # offline stores raise what their SDKs raise: this is the door it leaves by, as ours
        raise DataError(f"Feast in {feast.repo} cannot join {feast.service}: {type(exc).__name__}: {exc}") from exc
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    write_table(joined, folder / JOINED)


def _join(raw: pa.Table, project: Project, feast: FeastFeatures, repo: Path) -> pa.Table:
    store = _open(repo, feast)
    service = store.get_feature_service(feast.service)
    _require_ttl(store, service, feast)
    pairs = _pairs(raw, project, feast)
    found = store.get_historical_features(pairs.drop_duplicates(_PAIR), features=service).to_df()
    given = [name for name in found.columns if name not in (*feast.entities, _TIME, _PAIR)]
    if sorted(given) != sorted(feast.columns):
        raise DataError(
            f"feature service {feast.service} gives {', '.join(sorted(given))}; features.feast.columns names"
            f" {', '.join(sorted(feast.columns))}: make them the same"
        )
    by_row = found.set_index(_PAIR).reindex(pairs[_PAIR].reindex(np.arange(raw.num_rows)))
    for name in feast.columns:
        raw = raw.append_column(name, pa.Array.from_pandas(by_row[name]))
    return raw


def _open(repo: Path, feast: FeastFeatures) -> "FeatureStore":
    from feast import FeatureStore
    from feast.repo_config import FeastConfigError

    try:
        return FeatureStore(repo_path=str(repo))
    except FeastConfigError as exc:  # left out as the cause: it shows what stands in the file
        told = _SHOWN.sub("", str(exc))
        raise DataError(f"Feast cannot read {feast.repo}/feature_store.yaml: {told}") from None


def _pairs(raw: pa.Table, project: Project, feast: FeastFeatures) -> "DataFrame":
    """Keys, time and the pair's number of each row that has them, by row; what has not gets no features."""
    from pandas import DataFrame

    frame: dict[str, Any] = {key: _read(raw, column, project) for key, column in feast.entities.items()}
    frame[_TIME] = _read(raw, str(project.data.time), project).dt.tz_localize("UTC")
    whole = DataFrame(frame).dropna()
    return whole.assign(**{_PAIR: whole.groupby(list(frame)).ngroup()})


def _read(raw: pa.Table, name: str, project: Project) -> Any:
    """The column's cells by the contract's type, as pandas has them."""
    if name not in raw.column_names:
        raise DataError(f"{project.data.path} has no column {name!r}, which features.feast needs")
    values = read_cells(raw[name], project.contract.columns[name]).values
    return values.to_pandas(integer_object_nulls=True)


def _require_ttl(store: "FeatureStore", service: "FeatureService", feast: FeastFeatures) -> None:
    """Servers hold to ``max_age_hours``, as Feast does to the ttl in training: they must be one."""
    wanted = timedelta(hours=feast.max_age_hours or 0)
    views = {view.name: view for view in store.list_feature_views()}
    for name in (projection.name for projection in service.feature_view_projections):
        ttl = (views[name].ttl or timedelta(0)) if name in views else wanted
        if ttl != wanted:
            hours = ttl.total_seconds() / 3600
            raise DataError(
                f"feature view {name} has a ttl of {hours:g} hours: say features.feast.max_age_hours: {hours:g}"
                if hours
                else f"feature view {name} has no ttl: take features.feast.max_age_hours away, or give it one"
            )

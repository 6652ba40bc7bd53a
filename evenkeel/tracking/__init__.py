"""The one door for MLflow: where it is, which version is champion, and how a candidate becomes a version.

mlflow costs seconds to import, so it is imported when a run is written; asking for the champion needs none of it.
"""

from evenkeel.tracking.candidate import Candidate, log_candidate
from evenkeel.tracking.lookup import champion, champion_version, version
from evenkeel.tracking.registry import download_bundle, promote
from evenkeel.tracking.version import Tag, Version

__all__ = [
    "Candidate",
    "Tag",
    "Version",
    "champion",
    "champion_version",
    "download_bundle",
    "log_candidate",
    "promote",
    "version",
]

"""The one door for MLflow: where it is, which version is champion, and how a candidate becomes a version.

mlflow costs seconds to import, so it is imported when a run is written; asking for the champion needs none of it.
"""

from evenkeel.tracking.candidate import Candidate, log_candidate
from evenkeel.tracking.lookup import challenger, champion, champion_version, version
from evenkeel.tracking.registry import download_bundle, follow_release, promote, set_alias
from evenkeel.tracking.version import Tag, Version

__all__ = [
    "Candidate",
    "Tag",
    "Version",
    "challenger",
    "champion",
    "champion_version",
    "download_bundle",
    "follow_release",
    "log_candidate",
    "promote",
    "set_alias",
    "version",
]

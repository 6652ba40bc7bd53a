import pytest

from evenkeel.bundle import Bundle
from evenkeel.errors import RegistryError
from evenkeel.settings import Settings
from evenkeel.tracking import log_candidate
from evenkeel.tracking.store import connect
from tests.evenkeel.toy_bundle import toy_candidate


def inject(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> str:
    """A run that Kubeflow's MLflow plugin opened for this task and named in the environment."""
    with connect(settings) as client:
        experiment = client.create_experiment("kubeflow", artifact_location=(settings.home / "kubeflow").as_uri())
        run = client.create_run(experiment)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{settings.home}/mlflow.db")
    monkeypatch.setenv("MLFLOW_RUN_ID", run.info.run_id)
    return str(run.info.run_id)


def test_it_is_logged_into_and_left_open(settings: Settings, passing: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    injected = inject(settings, monkeypatch)
    made = log_candidate(settings, toy_candidate(passing))
    with connect(settings) as client:
        run = client.get_run(injected)
    assert made.run == injected
    assert run.info.status == "RUNNING", "whoever opened it ends it"
    assert run.data.metrics["roc_auc"] == 0.8


def test_a_known_bundle_is_logged_into_it_too(
    settings: Settings, passing: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = log_candidate(settings, toy_candidate(passing))
    injected = inject(settings, monkeypatch)
    assert log_candidate(settings, toy_candidate(passing)).version == first.version
    with connect(settings) as client:
        assert client.get_run(injected).data.tags["bundle.digest"] == passing.digest


def test_a_run_of_another_mlflow_is_not_ours(
    settings: Settings, passing: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://elsewhere")
    monkeypatch.setenv("MLFLOW_RUN_ID", "f" * 32)
    ours = Settings(home=settings.home, tracking_uri=f"sqlite:///{settings.home}/mlflow.db")
    assert log_candidate(ours, toy_candidate(passing)).run != "f" * 32


def test_an_experiment_alone_is_used(settings: Settings, passing: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    with connect(settings) as client:
        experiment = client.create_experiment("theirs", artifact_location=(settings.home / "theirs").as_uri())
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", experiment)
    made = log_candidate(settings, toy_candidate(passing))
    with connect(settings) as client:
        assert client.get_run(made.run).info.experiment_id == experiment


def test_a_deleted_experiment_is_named(settings: Settings, passing: Bundle) -> None:
    with connect(settings) as client:
        client.delete_experiment(client.create_experiment("visits"))
    with pytest.raises(RegistryError, match="'visits' was deleted: bring it back"):
        log_candidate(settings, toy_candidate(passing))

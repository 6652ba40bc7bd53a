"""The boxes that deploy to targets with a router, run on this machine against places that are not there."""

import shutil
import socket
from collections.abc import Sequence
from pathlib import Path

import pytest
from kfp import dsl
from kfp.compiler import Compiler
from kfp.dsl import Model, Output

from components.deploy_ecs.component import deploy_ecs
from components.deploy_kserve.component import deploy_kserve
from components.deploy_kubernetes.component import deploy_kubernetes
from components.image import step
from evenkeel.bundle import Bundle
from evenkeel.settings import Settings
from pipelines.local import Stage, StageError, run_pipeline
from pipelines.warm import WarmServers
from tests.evenkeel.toy_bundle import certify, crowned, migrated_home, toy_bundle, toy_project

BOXES = {"kubernetes": deploy_kubernetes, "kserve": deploy_kserve, "ecs": deploy_ecs}


@step
def bring(folder: str, certified: Output[Model]) -> None:
    """A bundle, as evaluate puts it out."""
    import shutil

    shutil.copytree(folder, certified.path)


class Quiet:
    """A watcher that keeps what the boxes wrote."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def started(self, stage: Stage) -> None: ...

    def finished(self, stage: Stage) -> None: ...

    def wrote(self, stage: Stage, text: str) -> None:
        """Keep it."""
        self.lines.append(text)


@pytest.fixture(scope="module")
def champion(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, Bundle]:
    """A home whose registry has version 1 as champion, and its bundle."""
    folder = tmp_path_factory.mktemp("deploy")
    settings = Settings(home=migrated_home(tmp_path_factory, folder / "home"))
    bundle = certify(toy_bundle(folder / "bundle"))
    assert crowned(settings, bundle).version == "1"
    return settings, bundle


@pytest.fixture
def nowhere(tmp_path: Path, champion: tuple[Settings, Bundle], monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster and a cloud at a port where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = tmp_path / "kubeconfig"
    server = f"http://127.0.0.1:{port}"
    config.write_text(
        f"""\
apiVersion: v1
kind: Config
current-context: nowhere
clusters: [{{name: nowhere, cluster: {{server: "{server}"}}}}]
contexts: [{{name: nowhere, context: {{cluster: nowhere, user: nobody}}}}]
users: [{{name: nobody, user: {{token: none}}}}]
"""
    )
    for name, value in {
        "KUBECONFIG": str(config),
        "AWS_ENDPOINT_URL": server,
        "AWS_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_MAX_ATTEMPTS": "1",
        "EVENKEEL_HOME": str(champion[0].home),
        "EVENKEEL_BUNDLES": str(tmp_path / "published"),
    }.items():
        monkeypatch.setenv(name, value)


def run(target: str, bundle: Bundle, version: str, folder: Path, warm: WarmServers) -> Sequence[str]:
    """What the deploy box of this target wrote; raises what it raised."""

    @dsl.pipeline(name="deploying")  # type: ignore[untyped-decorator]
    def deploying(project: str, version: str, folder: str) -> None:
        brought = bring(folder=folder)
        BOXES[target](project=project, certified=brought.outputs["certified"], version=version)

    compiled = folder / "deploying.yaml"
    Compiler().compile(deploying, str(compiled))
    watcher = Quiet()
    arguments = {"project": toy_project().to_parameter(), "version": version, "folder": str(bundle.folder)}
    shutil.rmtree(folder / "run", ignore_errors=True)
    run_pipeline(compiled, arguments, folder / "run", None, watcher, warm)
    return watcher.lines


@pytest.mark.usefixtures("nowhere")
@pytest.mark.parametrize("target", ["kubernetes"])
def test_a_place_that_cannot_be_reached_is_named(
    target: str, champion: tuple[Settings, Bundle], tmp_path: Path, warm: WarmServers
) -> None:
    with pytest.raises(StageError) as failed:
        run(target, champion[1], "1", tmp_path, warm)
    told = str(failed.value)
    assert told.startswith(f"deploy-{target} failed: ")
    assert "127.0.0.1" in told
    assert "Traceback" not in told
    assert len(told) < 1000
    assert not (tmp_path / "published").exists(), "nothing half-done"


@pytest.mark.usefixtures("nowhere")
def test_what_is_not_champion_is_not_rolled_out(
    champion: tuple[Settings, Bundle], tmp_path: Path, warm: WarmServers
) -> None:
    with pytest.raises(StageError, match="version 7 is not champion any more, version 1 is"):
        run("kubernetes", champion[1], "7", tmp_path, warm)


@pytest.mark.usefixtures("nowhere")
def test_without_a_place_for_bundles_the_setting_is_named(
    champion: tuple[Settings, Bundle], tmp_path: Path, warm: WarmServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EVENKEEL_BUNDLES")
    with pytest.raises(StageError, match="EVENKEEL_BUNDLES is not set"):
        run("kubernetes", champion[1], "1", tmp_path, warm)

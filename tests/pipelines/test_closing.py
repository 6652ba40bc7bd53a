from pathlib import Path

import pytest
from kfp import dsl

from evenkeel.certificate import Certificate, Check, Interval
from evenkeel.config import load_project
from pipelines.closing import certificate_of, closing_table, keep_reports
from pipelines.local import Stage
from pipelines.parameters import TARGETS
from pipelines.words import words

CERTIFICATE = Certificate(
    project="tumours",
    bundle="b" * 64,
    data_version="d" * 32,
    evaluation="e" * 64,
    champion=None,
    metrics={"roc_auc": Interval(value=0.9912, low=0.98, high=0.9987)},
    champion_metrics={"roc_auc": Interval(value=0.95, low=0.9, high=1.0)},
    checks=(
        Check(gate="require", subject="recall", value=0.9, threshold=0.8, verdict="pass", reason="0.9 is at least 0.8"),
        Check(
            gate="baseline", subject="roc_auc", value=0.99, threshold=0.5, verdict="pass", reason="0.99 is above 0.5"
        ),
        Check(
            gate="require", subject="roc_auc", value=0.99, threshold=0.9, verdict="pass", reason="0.99 is at least 0.9"
        ),
        Check(gate="size", subject="onnx", value=9, threshold=1, verdict="fail", reason="9 MiB is over 1 MiB"),
    ),
    passed=False,
)


def test_the_table_says_what_came_of_the_run(repository: Path, tmp_path: Path) -> None:
    CERTIFICATE.write(tmp_path)
    outputs = {
        "pull": {"Output": "d" * 32},
        "evaluate": {"certified": dsl.Model(uri=str(tmp_path))},
        "register": {"Output": "7"},
        "deploy-local": {"Output": "release.json"},
    }
    project = load_project(repository / "conf" / "tumours.yaml")
    certificate = certificate_of(outputs)
    assert closing_table(project, outputs, certificate, [Path("a.html"), Path("b.html")]) == [
        f"  data version {'d' * 32}",
        "  metrics      roc_auc              0.991 [0.98, 0.999]   champion 0.95 [0.9, 1]",
        "  gates        pass  require (2), baseline",
        "               fail  size: 9 MiB is over 1 MiB",
        "  model        tumours version 7, champion",
        "  release      release.json",
        "  reports      a.html",
        "               b.html",
        "  next         make serve PROJECT=tumours",
    ]


@pytest.mark.parametrize("target", sorted({*TARGETS} - {"local", "none"}))
def test_a_rollout_elsewhere_is_told_too_with_where_to_look_next(target: str, repository: Path) -> None:
    project = load_project(repository / "conf" / "tumours.yaml")
    outputs = {f"deploy-{target}": {"Output": "version 7 serves all"}}
    assert closing_table(project, outputs, None, []) == [
        "  release      version 7 serves all",
        f"  next         make status PROJECT=tumours TARGET={target}",
    ]
    assert (
        words(Stage(f"deploy-{target}", "", Path(), outputs=outputs[f"deploy-{target}"]), "") == "version 7 serves all"
    )


def test_a_run_that_failed_early_has_a_short_table(repository: Path) -> None:
    project = load_project(repository / "conf" / "tumours.yaml")
    assert certificate_of({}) is None
    assert closing_table(project, {}, None, []) == []


@pytest.mark.parametrize("ended_well", [True, False])
@pytest.mark.parametrize(
    ("box", "output", "name"),
    [
        ("validate", "page", "validation.html"),
        ("evaluate", "page", "evaluation.html"),
        ("register", "card", "card.html"),
    ],
)
def test_reports_are_kept_at_their_place_also_those_of_a_box_that_failed(
    ended_well: bool, box: str, output: str, name: str, tmp_path: Path
) -> None:
    page = tmp_path / "run" / "pipeline-1" / box / output
    page.parent.mkdir(parents=True)
    page.write_text("<html>")
    outputs = {box: {output: dsl.HTML(uri=str(page))}} if ended_well else {}

    place = tmp_path / "reports"
    assert keep_reports(tmp_path / "run", outputs, place) == [place / name]
    assert (place / name).read_text() == "<html>"

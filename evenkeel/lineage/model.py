"""Where a version of a model comes from, and what came of it."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from evenkeel.bundle import SEARCH, Bundle
from evenkeel.code import LOCK, code_version, lock_digest
from evenkeel.errors import EvenkeelError, RegistryError, StorageError
from evenkeel.lineage.descent import read_descents
from evenkeel.lineage.fact import Fact, Story, section
from evenkeel.lineage.place import live_facts, places, release_facts
from evenkeel.lineage.repository import Repository
from evenkeel.promotion.approval import approvals
from evenkeel.settings import Settings
from evenkeel.tracking import Version, download_bundle, version
from evenkeel.tracking.place import is_server, tracking_uri
from evenkeel.tracking.search import Record, find_model, read_record
from evenkeel.trials import read_trials
from evenkeel.versions import CACHE, has_version, object_uri

KFP_RUN = "kfp.run_id"
"""Tag of what Kubeflow calls the run."""


@dataclass(frozen=True)
class _Found:
    """What is known of one version before anybody else is asked."""

    version: Version
    bundle: Bundle
    record: Record
    settings: Settings
    """Of the registry that it is in."""

    @property
    def repository(self) -> Repository:
        return Repository(self.settings.workspace)

    @property
    def commit(self) -> str:
        return self.version.tags.get("git.commit", "")


def model_story(settings: Settings, model: str) -> Story:
    """The story of ``visits@3`` or ``visits@champion``. Raises RegistryError, BundleError."""
    return version_story(settings, find_model(settings, model))


def version_story(settings: Settings, found: Version) -> Story:
    """The story of this version."""
    with TemporaryDirectory() as scratch:
        bundle = download_bundle(settings, found, Path(scratch) / "bundle")
        return _told(_Found(found, bundle, read_record(settings, found), settings))


def _told(found: _Found) -> Story:
    name, bundle = found.version.name, found.bundle
    every = places(found.settings)
    return Story(
        f"{name} version {found.version.version}",
        _lead(found),
        (
            section("Model", _model(found)),
            section("Code", _code(found)),
            section("Data", _data(found)),
            section("Parameters", _parameters(found)),
            section("Search", _search(found)),
            section("Environment", _environment(found)),
            section("Run", _run(found)),
            section("Gate", _gate(found)),
            section("Approvals", _approvals(found), "none was given for this bundle"),
            section("Releases", release_facts(name, [bundle.digest], every), "this bundle was never released"),
            section("Serves now", live_facts(name, [bundle.digest], every), "nowhere that could be asked"),
        ),
    )


def _lead(found: _Found) -> str:
    manifest, aliases = found.bundle.manifest, ", ".join(found.record.aliases)
    called = f" ({aliases})" if aliases else ""
    code = f"commit {found.commit[:12]}" if found.commit else "no known commit"
    return (
        f"{manifest.estimator.rpartition('.')[2]}{called}, trained on {manifest.train_rows} rows of data version"
        f" {manifest.data_version} by the code of {code}"
    )


def _model(found: _Found) -> Iterator[Fact]:
    record, uri = found.record, tracking_uri(found.settings)
    page = f"{uri.rstrip('/')}/#/models/{found.version.name}/versions/{found.version.version}" if is_server(uri) else ""
    yield Fact("bundle", found.bundle.digest, f"at {found.version.source}", page)
    yield Fact("aliases", ", ".join(record.aliases) or "none")
    yield Fact("registered", f"{record.registered:%Y-%m-%d %H:%M:%S} UTC", f"by {record.user}" if record.user else "")
    if origin := found.version.tags.get("promoted.from"):
        yield Fact("promoted from", origin, "the version in the registry that this bundle came from")


def _code(found: _Found) -> Iterator[Fact]:
    commit, repository = found.commit, found.repository
    if commit:
        notes = ["" if repository.has(commit) else "not in this repository: git fetch --all"]
        if found.version.tags.get("git.dirty") == "true":
            notes.append("files differed from it when this was made: they are nowhere but in the code version")
        yield Fact("git commit", commit, "; ".join(filter(None, notes)), repository.commit_link(commit))
        yield from _changes(found)
    else:
        yield Fact("git commit", None, "none was recorded: it was made outside of a checkout")
    here = code_version(found.settings.workspace) == found.bundle.manifest.code_version
    yield Fact("code version", found.bundle.manifest.code_version, f"{'' if here else 'not '}that of this checkout")


def _changes(found: _Found) -> Iterator[Fact]:
    """What changed since the model that it replaced."""
    certificate = found.bundle.certificate
    before = certificate.champion if certificate else None
    if before is None:
        yield Fact("changes", "none to tell", "there was no champion before it")
        return
    try:
        old = version(found.settings, found.version.name, before.version).tags.get("git.commit", "")
    except RegistryError as error:
        yield Fact("changes", None, str(error))
        return
    if not old:
        yield Fact("changes", None, f"version {before.version}, champion before it, has no commit")
        return
    link = found.repository.diff_link(old, found.commit)
    yield Fact("changes", f"git diff {old} {found.commit}", f"since version {before.version}, champion then", link)


def _data(found: _Found) -> Iterator[Fact]:
    manifest, settings, wanted = found.bundle.manifest, found.settings, found.bundle.manifest.data_version
    project = found.bundle.project()
    rows = f"{manifest.train_rows} rows to train, {manifest.evaluation_rows} to evaluate"
    yield Fact("data version", wanted, f"{project.data.path}: {rows}")
    for thing, remote in (("remote", settings.remote), ("DVC cache", str(settings.workspace / CACHE))):
        try:
            there = "is there" if has_version(remote, wanted) else "is NOT there: make data-push where the data is"
        except StorageError as error:
            yield Fact(thing, None, str(error))
        else:
            yield Fact(thing, object_uri(remote, wanted), there)
    pins = found.repository.pins(wanted)
    for commit, told in pins[:1]:
        yield Fact("pinned by", commit, told, found.repository.commit_link(commit))
    yield from _parents(found, pinned=bool(pins))


def _parents(found: _Found, *, pinned: bool) -> Iterator[Fact]:
    """The versions that it grew out of."""
    at = found.bundle.manifest.data_version
    try:
        descents = read_descents(found.settings.remote)
    except EvenkeelError as error:
        yield Fact("grew out of", None, str(error))
        return
    seen: set[str] = set()
    while at in descents and at not in seen:
        seen.add(at)
        step = descents[at]
        yield Fact(
            "grew out of", step.parent, f"{step.added} labelled predictions were added at {step.at:%Y-%m-%d %H:%M}"
        )
        at = step.parent
    if not seen and not pinned:
        yield Fact("grew out of", None, "no commit pins this version and no retraining recorded its parent")


def _parameters(found: _Found) -> Iterator[Fact]:
    yield Fact("estimator", found.bundle.manifest.estimator)
    for name, value in found.bundle.manifest.params.items():
        yield Fact(name, str(value))


def _search(found: _Found) -> Iterator[Fact]:
    path = found.bundle.folder / SEARCH
    if not path.is_file():
        yield Fact("trials", None, f"the bundle has no {SEARCH}")
        return
    trials, given = read_trials(path), found.bundle.project().model.params
    failed = sum(trial.error is not None for trial in trials)
    yield Fact("trials", str(len(trials)), f"{failed} failed" if failed else "")
    for trial in sorted(trials, key=lambda each: each.number):
        chosen = "chosen: " if {**given, **trial.params} == found.bundle.manifest.params else ""
        value = "failed" if trial.error else "not judged: the only one" if trial.value is None else f"{trial.value:.6g}"
        yield Fact(
            f"trial {trial.number}", value, trial.error or chosen + (_listed(trial.params) or "parameters as given")
        )


def _environment(found: _Found) -> Iterator[Fact]:
    manifest, commit = found.bundle.manifest, found.commit
    notes = ["that of this checkout"] if manifest.lock == lock_digest(found.settings.workspace) else []
    there = found.repository.show(commit, LOCK) if commit else None
    if there is not None and hashlib.sha256(there).hexdigest() == manifest.lock:
        notes.append(f"git show {commit[:12]}:{LOCK}")
    yield Fact("lock", manifest.lock, "; ".join(notes) or "neither this checkout's nor that of the commit")
    yield Fact("libraries", _listed(manifest.libraries) or None)
    yield Fact("evenkeel", found.version.tags.get("evenkeel.version"), "the version that registered it")
    image = found.version.tags.get("image")
    yield Fact("image", image, _image_note(image))


def _image_note(image: str | None) -> str:
    if image is None:
        return "none was recorded: it was made outside of an image, or by an older one"
    return "" if "@sha256:" in image else "no digest: what this name stands for may have changed since"


def _run(found: _Found) -> Iterator[Fact]:
    yield Fact("MLflow run", found.version.run or None, "" if found.version.run else "the registry names none")
    pipeline = found.version.tags.get("pipeline.digest")
    yield Fact("pipeline", pipeline, "sha256 of the compiled pipeline" if pipeline else "no digest was recorded")
    kubeflow = {
        key: value for key, value in {**found.record.tags, **found.version.tags}.items() if "kfp" in key.lower()
    }
    for key, value in kubeflow.items():
        yield Fact(key, value, link=run_page(found.settings, key, value))
    if not kubeflow:
        yield Fact("Kubeflow run", None, "neither run nor version names one: it ran on a machine, or was not recorded")


def run_page(settings: Settings, key: str, value: str) -> str:
    """Kubeflow's page of a run that a tag names; '' where it is not known."""
    if value.startswith(("http://", "https://")):
        return value
    return (
        f"{settings.kfp_host.rstrip('/')}/#/runs/details/{value}"
        if settings.kfp_host and value and key == KFP_RUN
        else ""
    )


def _gate(found: _Found) -> Iterator[Fact]:
    certificate = found.bundle.certificate
    if certificate is None:
        yield Fact("certificate", None, "the bundle has none")
        return
    against = certificate.champion
    rival = f"version {against.version} ({against.digest[:12]})" if against else "nothing: there was no champion"
    yield Fact("certificate", certificate.digest, f"{'passed' if certificate.passed else 'REFUSED'}, against {rival}")
    for check in certificate.checks:
        yield Fact(check.gate, check.verdict, check.reason)


def _approvals(found: _Found) -> Iterator[Fact]:
    try:
        given = approvals(found.settings, found.version.name)
    except EvenkeelError as error:
        yield Fact("approvals", None, str(error))
        return
    for each in given:
        if each.digest == found.bundle.digest:
            yield Fact(each.environment, each.told(), f"counts until {each.expires:%Y-%m-%d %H:%M} UTC")


def _listed(values: Mapping[str, object]) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items())

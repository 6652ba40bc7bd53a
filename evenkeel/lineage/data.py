"""Forwards from a data version: every version of it and of every model, release and endpoint that saw it.

The question after a data incident or an erasure request, so what cannot be followed is told as loudly as what can.
"""

from collections.abc import Iterator, Mapping

from evenkeel.errors import DataError, EvenkeelError
from evenkeel.lineage.descent import Descent, descendants, read_descents
from evenkeel.lineage.fact import Fact, Story, count, section
from evenkeel.lineage.model import KFP_RUN, run_page
from evenkeel.lineage.place import Place, live_facts, places, registries, release_facts
from evenkeel.lineage.repository import Repository
from evenkeel.settings import Settings
from evenkeel.tracking import Version
from evenkeel.tracking.search import find_named, find_tagged
from evenkeel.versions import CACHE, check_version, has_version, object_uri

TAG = "data.version"


def data_story(settings: Settings, wanted: str) -> Story:
    """The story of this data version. Raises DataError where it is none, or nothing knows it."""
    check_version(wanted, "--data")
    every = places(settings)
    descents = read_descents(settings.remote)
    ways = {wanted: [], **descendants(wanted, descents)}
    seen, problems = _seen(ways, every)
    grown = [descents[version].project for version in ways if version != wanted]
    names = dict.fromkeys([*(version.name for version in seen.values()), *grown])
    pins = Repository(settings.workspace).pins(wanted)
    where = list(_where(settings, wanted))
    if not (seen or pins or wanted in descents or any(fact.note == "is there" for fact in where) or problems):
        raise DataError(
            f"nothing knows the data version {wanted}: no model was trained on it, no commit pins it, and"
            f" {settings.remote} does not have it; make why MODEL=... names the version of a model"
        )
    digests = {name: [each.digest for each in seen.values() if each.name == name] for name in names}
    return Story(
        f"data version {wanted}",
        f"seen by {count(len(seen), 'model version')} of {count(len(names), 'project')};"
        f" {count(len(ways) - 1, 'data version')} grew out of it",
        (
            section("Where it is", where),
            section("Pinned by", _pinned(settings, pins), "no commit of this repository"),
            section("Data versions that hold its rows", _grown(ways, descents), "none is recorded"),
            section("Models that saw it", _models(seen, ways, every), "none in the registries that were asked"),
            section("Releases", (f for n in names for f in release_facts(n, digests[n], every)), "none"),
            section("Serves now", (f for n in names for f in live_facts(n, digests[n], every)), "nowhere"),
            section("What cannot be followed", [*problems, *_lost(names, ways, descents, every)], "nothing"),
        ),
    )


def _seen(ways: Mapping[str, list[str]], every: list[Place]) -> tuple[dict[tuple[str, str], Version], list[Fact]]:
    """(registry, name and number) -> every version trained on one of these; and the registries that cannot be asked."""
    seen: dict[tuple[str, str], Version] = {}
    problems = []
    for place in registries(every):
        try:
            for data_version in ways:
                for version in find_tagged(place.settings, TAG, data_version):
                    seen[place.name, f"{version.name}@{version.version}"] = version
        except EvenkeelError as error:
            problems.append(Fact(f"registry of {place.name}", None, f"it cannot be asked: {error}"))
    return seen, problems


def _where(settings: Settings, wanted: str) -> Iterator[Fact]:
    for thing, remote in (("remote", settings.remote), ("DVC cache", str(settings.workspace / CACHE))):
        try:
            yield Fact(thing, object_uri(remote, wanted), "is there" if has_version(remote, wanted) else "is not there")
        except EvenkeelError as error:
            yield Fact(thing, None, str(error))


def _pinned(settings: Settings, pins: list[tuple[str, str]]) -> Iterator[Fact]:
    repository = Repository(settings.workspace)
    for commit, told in pins:
        yield Fact(commit, told, link=repository.commit_link(commit))


def _grown(ways: Mapping[str, list[str]], descents: Mapping[str, Descent]) -> Iterator[Fact]:
    for version, way in ways.items():
        if way:
            step = descents[version]
            note = f"{step.project}: {step.added} labelled predictions were added at {step.at:%Y-%m-%d %H:%M} UTC"
            yield Fact(version, f"from {' from '.join(way)}", note)


def _models(
    seen: Mapping[tuple[str, str], Version], ways: Mapping[str, list[str]], every: list[Place]
) -> Iterator[Fact]:
    asked = {place.name: place.settings for place in every}
    for (registry, called), version in seen.items():
        data_version = version.tags.get(TAG, "")
        how = "trained on it" if not ways[data_version] else f"trained on {data_version}, which grew out of it"
        notes = [f"registry of {registry}", f"bundle {version.digest}"]
        notes += [f"gate: {version.tags.get('gate.status', 'not judged')}"]
        notes += [f"{tag} {version.tags[tag]}" for tag in (KFP_RUN, "image") if tag in version.tags]
        link = run_page(asked[registry], KFP_RUN, version.tags.get(KFP_RUN, ""))
        yield Fact(called, how, "; ".join(notes), link)


def _lost(
    names: Mapping[str, None], ways: Mapping[str, list[str]], descents: Mapping[str, Descent], every: list[Place]
) -> Iterator[Fact]:
    """Data versions of the same models whose parent nobody recorded: they may hold rows of this one."""
    for place in registries(every):
        for name in names:
            try:
                others = find_named(place.settings, name)
            except EvenkeelError:  # told with the registries
                continue
            for data_version in dict.fromkeys(each.tags.get(TAG, "") for each in others):
                if data_version and data_version not in ways and data_version not in descents:
                    users = [f"{name}@{each.version}" for each in others if each.tags.get(TAG) == data_version]
                    note = f"of {', '.join(users)} in the registry of {place.name}: nobody recorded what it grew out of"
                    yield Fact(data_version, None, f"{note}, so it may hold the same rows: compare them")

"""A registered version made again from its recorded inputs, and what differs from it.

The code is this checkout where it is the recorded one, else the recorded commit, taken out of the repository into the
scratch folder: nothing is checked out, and what lies in the working tree stays as it is.
"""

import json
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from components.pull.step import pull
from evenkeel.bundle import PROJECT, Bundle
from evenkeel.certificate import Interval
from evenkeel.code import LOCK, code_version
from evenkeel.settings import Settings
from evenkeel.tracking import Version, download_bundle
from evenkeel.tracking.search import find_model
from pipelines.rebuild import Rebuilt, Recipe, archive, rebuild
from pipelines.words import interval

_INPUTS = ("code_version", "lock", "libraries")
"""Fields of the manifest that are causes; what else differs follows from them."""


@dataclass(frozen=True)
class Difference:
    """One thing that is not as it was recorded."""

    thing: str
    recorded: str
    now: str


@dataclass(frozen=True)
class Reproduction:
    """What came of it."""

    version: Version
    made: Rebuilt
    code: str
    """Which code made it: one sentence."""
    differences: tuple[Difference, ...]
    reasons: tuple[str, ...]
    """Why that may be, the likeliest first; nothing where the bundles are identical."""

    @property
    def identical(self) -> bool:
        """Whether the digest is the recorded one, and with it every file."""
        return self.made.bundle.digest == self.version.digest


def reproduce(model: str, settings: Settings, root: Path, folder: Path) -> Reproduction:
    """Make ``model`` (``visits@3``) again below the empty ``folder``; ``root`` is the checkout.

    Raises RegistryError, DataError where its data version is nowhere, PipelineError where its code cannot make it.
    """
    version = find_model(settings, model)
    recorded = download_bundle(settings, version, folder / "recorded")
    root, code = nearest_code(recorded, version, root, folder / "code")
    data_version = pull(recorded.project(), recorded.manifest.data_version, folder / "data")
    project = json.loads((recorded.folder / PROJECT).read_text(encoding="utf-8"))
    made = rebuild(Recipe(project, folder / "data", data_version, root), folder / "made", examined=True)
    differences = () if made.bundle.digest == version.digest else tuple(compare_bundles(recorded, made.bundle))
    return Reproduction(version, made, code, differences, tuple(explain(differences, code)))


def told(made: Reproduction) -> str:
    """The lines for people."""
    version = made.version
    about = f"{version.name} version {version.version}"
    lines = [f"code: {made.code}", f"data: {made.made.bundle.manifest.data_version}, verified"]
    if made.identical:
        return "\n".join([*lines, f"identical: {about} is {version.digest}, and so is what was made now"])
    lines.append(f"differs: {about} is {version.digest}, what was made now is {made.made.bundle.digest}")
    width = max(len(each.thing) for each in made.differences)
    lines += [f"  {each.thing:<{width}}  recorded {each.recorded}, now {each.now}" for each in made.differences]
    return "\n".join([*lines, "why that may be:", *(f"  - {reason}" for reason in made.reasons)])


def nearest_code(recorded: Bundle, version: Version, root: Path, folder: Path) -> tuple[Path, str]:
    """Where the code is that comes nearest to the recorded one (taken out to ``folder`` if need be), and how near."""
    wanted, commit = recorded.manifest.code_version, version.tags.get("git.commit", "")
    if code_version(root) == wanted:
        return root, f"this checkout, whose source is the recorded one ({wanted[:12]})"
    if not commit:
        return root, "this checkout, for no commit is recorded; its source is another than the recorded one"
    if not archive(root, commit, folder):
        return root, (
            f"this checkout, for the recorded commit {commit[:12]} is not in its repository (git fetch --all, or it"
            " was never pushed); its source is another than the recorded one"
        )
    if code_version(folder) == wanted:
        return folder, f"commit {commit[:12]}, whose source is the recorded one ({wanted[:12]})"
    if version.tags.get("git.dirty") == "true":
        return folder, (
            f"commit {commit[:12]} without the changes that lay in the working tree: they were never committed, so"
            " the source that made it is nowhere"
        )
    return folder, f"commit {commit[:12]}, whose source is not the recorded one: was it made from another checkout?"


def compare_bundles(recorded: Bundle, now: Bundle) -> Iterator[Difference]:
    """What differs in the manifests: inputs, then what was made of them; then files and metrics."""
    before, after = recorded.manifest.model_dump(mode="json"), now.manifest.model_dump(mode="json")
    order = [*_INPUTS, *(name for name in before if name not in (*_INPUTS, "files"))]
    for name in order:
        yield from _differing(name, before[name], after[name])
    yield from _differing("files", before["files"], after["files"])
    yield from _metrics(recorded, now)


def explain(differences: Sequence[Difference], code: str) -> Iterator[str]:
    """Why bundles may differ, the likeliest first."""
    if not differences:
        return
    things = {each.thing for each in differences}
    if "code_version" in things:
        yield f"other source: {code}"
    if "lock" in things:
        yield f"another environment was locked: {LOCK} is not what it was; make setup at that commit installs its own"
    if libraries := sorted(thing.removeprefix("libraries.") for thing in things if thing.startswith("libraries.")):
        yield f"other versions of {', '.join(libraries)} are installed here than the model was made with"
    if "files.project.json" in things:
        yield "this source reads the recorded project otherwise, or another project was recorded than trained with"
    if not any(thing.startswith("files.") for thing in things):
        yield "every file is the same, byte by byte: the model is the same, only the record of what made it is not"
    elif "files.project.json" not in things and not any(thing.partition(".")[0] in _INPUTS for thing in things):
        yield (
            "data, project, source, lock and libraries are as recorded, so what is left is the machine (which is not"
            f" recorded; this is {platform.machine()}, {platform.system()}, Python {platform.python_version()}):"
            " processors and thread counts round sums differently in the last digits"
        )
        yield "or the bundle was not made by the pipeline from what it records: compare the files named above"


def _differing(name: str, before: object, after: object) -> Iterator[Difference]:
    """Field by field, down to what is no mapping."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in [*before, *(key for key in after if key not in before)]:
            yield from _differing(f"{name}.{key}", before.get(key), after.get(key))
    elif before != after:
        yield Difference(name, _short(before), _short(after))


def _short(value: object) -> str:
    text = "nothing" if value is None else str(value)
    return text[:12] if len(text) == 64 else text


def _metrics(recorded: Bundle, now: Bundle) -> Iterator[Difference]:
    before = recorded.certificate.metrics if recorded.certificate else {}
    after = now.certificate.metrics if now.certificate else {}
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            yield Difference(f"metrics.{name}", _interval(before.get(name)), _interval(after.get(name)))


def _interval(value: Interval | None) -> str:
    return interval(value) if value else "nothing"

"""``python -m pipelines.delivery [--check]``: write the CI files of all three systems, or prove that they are equal."""

import re
import sys
from pathlib import Path

import yaml

from pipelines.delivery import github, gitlab, jenkins
from pipelines.delivery.definition import FLOWS

_MADE = "Made by python -m pipelines.delivery from pipelines/delivery/definition.py: change that, not this."

_HARMLESS = "it checks nothing out and runs nothing of the pull request's making"


def files() -> dict[Path, str]:
    """Every file that is made, with its text."""
    workflows = {flow.name: github.workflow(flow) for flow in FLOWS} | {"model-pr-comment": github.comment()}
    folder = Path(".github") / "workflows"
    return {
        **{folder / f"{name}.yml": _annotated(_yaml(content)) for name, content in workflows.items()},
        Path(".gitlab-ci.yml"): _yaml(gitlab.pipeline()),
        Path("Jenkinsfile"): f"// {_MADE}\n{jenkins.pipeline()}",
    }


class _Dumper(yaml.SafeDumper):
    """Scripts of several lines as people write them."""


_Dumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None),
)


def _yaml(content: object) -> str:
    return f"# {_MADE}\n" + yaml.dump(content, Dumper=_Dumper, sort_keys=False, width=1000)


def _annotated(text: str) -> str:
    """Behind a commit the tag that it had, which people and update bots read; and why one trigger is no danger here."""
    tagged = re.sub(r"(uses: (\S+)@[0-9a-f]{40})", lambda use: f"{use[1]} # {github.PINS[use[2]][1]}", text)
    return tagged.replace("  workflow_run:\n", f"  workflow_run: # zizmor: ignore[dangerous-triggers] {_HARMLESS}\n")


def main() -> int:
    """0: written, or all equal; 1: some differ."""
    if "--check" not in sys.argv[1:]:
        for path, text in files().items():
            path.write_text(text, encoding="utf-8")
        return 0
    stale = [path for path, text in files().items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    for path in stale:
        print(f"{path} is not what its definition makes: run python -m pipelines.delivery", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    raise SystemExit(main())

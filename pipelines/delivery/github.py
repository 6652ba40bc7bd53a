"""GitHub Actions: least rights, actions pinned by commit, no input ever inside a script's text."""

from typing import Any

from pipelines.delivery.definition import TOLD, WAITING, Flow, Job, Right, Step

Yaml = dict[str, Any]

PINS = {
    "actions/checkout": ("3d3c42e5aac5ba805825da76410c181273ba90b1", "v7.0.1"),
    "actions/download-artifact": ("3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c", "v8.0.1"),
    "actions/setup-python": ("5fda3b95a4ea91299a34e894583c3862153e4b97", "v7.0.0"),
    "actions/upload-artifact": ("bbbca2ddaa5d8feaa63e36b76fdaad77386f024f", "v7.0.0"),
    "aws-actions/amazon-ecr-login": ("03f1aad4c6c7ffd436567f42f9384779290529bd", "v2.1.7"),
    "aws-actions/configure-aws-credentials": ("e6de054238d6b7531b4efff3b6587d9aade6a06c", "v6.2.3"),
    "docker/login-action": ("4907a6ddec9925e35a0a9e82d7399ccc52663121", "v4.1.0"),
    "docker/setup-buildx-action": ("37fe631027851001ddb9b187196cc803df7f5f0e", "v4.3.0"),
    "docker/setup-qemu-action": ("96fe6ef7f33517b61c61be40b68a1882f3264fb8", "v4.2.0"),
    "sigstore/cosign-installer": ("6f9f17788090df1f26f669e9d70d6ae9567deba6", "v4.1.2"),
}
"""Action -> the commit that is run, and the tag that it had when it was looked up."""

_RIGHTS: dict[Right, dict[str, str]] = {
    "cloud": {"id-token": "write"},
    "registry": {"id-token": "write", "packages": "write"},
}
_DEFAULTS = {"BASE": "format('origin/{0}', github.base_ref)", "REGISTRY": "vars.REGISTRY"}
"""Variables that come from the occasion, not from who started it."""


def workflow(flow: Flow) -> Yaml:
    """The workflow file of a flow."""
    group = f"{flow.name}-${{{{ {_value(flow.alone)} }}}}" if flow.alone else f"{flow.name}-${{{{ github.ref }}}}"
    return {
        "name": flow.name,
        "on": _occasions(flow),
        "permissions": {},
        "concurrency": {
            "group": group,
            "cancel-in-progress": False if flow.alone else "${{ github.event_name == 'pull_request' }}",
        },
        "jobs": {job.name: _job(flow, job) for job in flow.jobs},
    }


def comment() -> Yaml:
    """The verdict as a comment on its pull request, from a job that runs nothing of the pull request's making.

    It alone may write to pull requests, and holds no other right. Which one it is comes from the event, never from
    the artifact; what the artifact says is text. ``gh`` knows a fork's branch by its owner, our own by its name alone.
    Where the run ended before there was a report, there is nothing to say.
    """
    say = 'gh pr comment "$BRANCH" --repo "$REPOSITORY" --edit-last --create-if-none --body-file report.md'
    event = "github.event.workflow_run"
    ours = f"{event}.head_repository.full_name == github.repository"
    forks = f"format('{{0}}:{{1}}', {event}.head_repository.owner.login, {event}.head_branch)"
    group = f"model-pr-comment-${{{{ {event}.head_repository.full_name }}}}-${{{{ {event}.head_branch }}}}"
    return {
        "name": "model-pr-comment",
        "on": {"workflow_run": {"workflows": ["model-pr"], "types": ["completed"]}},
        "permissions": {},
        "concurrency": {"group": group, "cancel-in-progress": False},
        "jobs": {
            "comment": {
                "name": "comment",
                "if": f"{event}.event == 'pull_request'",
                "runs-on": "ubuntu-24.04",
                "timeout-minutes": 5,
                "permissions": {"actions": "read", "pull-requests": "write"},
                "steps": [
                    _use(
                        "actions/download-artifact",
                        {
                            "pattern": "compare",  # a name that is not there would be an error
                            "merge-multiple": True,
                            "run-id": f"${{{{ {event}.id }}}}",
                            "github-token": "${{ github.token }}",
                        },
                    ),
                    {
                        "name": "Say it",
                        "if": "hashFiles('report.md') != ''",
                        "env": {
                            "GH_TOKEN": "${{ github.token }}",
                            "REPOSITORY": "${{ github.repository }}",
                            "BRANCH": f"${{{{ {ours} && {event}.head_branch || {forks} }}}}",
                        },
                        "run": say,
                    },
                ],
            }
        },
    }


def _occasions(flow: Flow) -> Yaml:
    on: Yaml = {}
    if flow.on_push:
        on["push"] = {"branches": ["main"]}
    if flow.on_pull_request:
        on["pull_request"] = None  # all of them: a required check that some never get blocks those for ever
    if flow.cron:
        on["schedule"] = [{"cron": flow.cron}]
        on["repository_dispatch"] = {"types": [flow.name]}
    if flow.inputs:
        asked = {name.lower(): {"required": flow.cron is None, "type": "string"} for name in flow.inputs}
        on["workflow_dispatch"] = {"inputs": asked}
    return on


def _job(flow: Flow, job: Job) -> Yaml:
    rights = {"contents": "read"} | {name: value for right in job.rights for name, value in _RIGHTS[right].items()}
    results = [step.result for step in job.steps if step.result]
    body: Yaml = {"name": job.name, "runs-on": "ubuntu-24.04", "timeout-minutes": job.minutes, "permissions": rights}
    if job.only_with:
        given = _given(job.only_with)
        body["if"] = f"({given}) != ''" if "||" in given else f"{given} != ''"
    if job.needs:
        body["needs"] = [job.needs]
    if job.environment:
        body["environment"] = job.environment
    if len(job.pythons) > 1:
        body["strategy"] = {"fail-fast": False, "matrix": {"python": list(job.pythons)}}
    if results:
        body["outputs"] = {name: f"${{{{ steps.{name}.outputs.{name} }}}}" for name in results}
    secrets = {name: f"${{{{ secrets.{name} }}}}" for name in job.secrets}
    if variables := {**_variables(job), **_results_of(flow, job), **secrets}:
        body["env"] = variables
    body["steps"] = [*_before(job), *(_step(step) for step in job.steps), *_after(job)]
    return body


def _before(job: Job) -> list[Yaml]:
    """The checkout, Python, and what the job's rights need."""
    python = "${{ matrix.python }}" if len(job.pythons) > 1 else job.pythons[0]
    depth = {"fetch-depth": 0} if job.history else {}
    steps = [
        _use("actions/checkout", {"persist-credentials": False, **depth}),
        _use("actions/setup-python", {"python-version": python}),
    ]
    if job.environment:
        steps.append(_settings())
    if "cloud" in job.rights:
        role = {"role-to-assume": "${{ vars.AWS_ROLE }}", "aws-region": "${{ vars.AWS_REGION }}"}
        steps.append(_use("aws-actions/configure-aws-credentials", role, only="vars.AWS_ROLE != ''"))
    if "registry" in job.rights:
        github = {"registry": "ghcr.io", "username": "${{ github.actor }}", "password": "${{ github.token }}"}
        steps += [
            _use("aws-actions/amazon-ecr-login", {}, only="vars.AWS_ROLE != ''"),
            _use("docker/login-action", github),
            _use("docker/setup-qemu-action", {}),
            _use("docker/setup-buildx-action", {}),
            _use("sigstore/cosign-installer", {}),
        ]
    return steps


def _settings() -> Yaml:
    """Lines EVENKEEL_NAME=value (docs/settings.md); GitLab and Jenkins hand variables on by themselves."""
    return {
        "name": "Settings of this environment",
        "if": "vars.SETTINGS != ''",
        "env": {"SETTINGS": "${{ vars.SETTINGS }}"},
        "run": 'printf "%s\\n" "$SETTINGS" >> "$GITHUB_ENV"',
    }


def _after(job: Job) -> list[Yaml]:
    if not job.keeps:
        return []
    kept = {"name": job.name, "path": "\n".join(job.keeps), "include-hidden-files": True, "if-no-files-found": "ignore"}
    return [_use("actions/upload-artifact", kept, only="always()")]


def _step(step: Step) -> Yaml:
    if step.may_wait:
        waits = f'[ "${{code:-0}}" = {WAITING} ]'
        told = f'if {waits}; then echo "::warning title=Waiting for approval::{TOLD}"; else exit "${{code:-0}}"; fi'
        return {"name": step.name, "run": f"tools/{step.run} || code=$?\n{told}"}
    if step.result is None:
        return {"name": step.name, "run": step.run}
    keep = f'{step.run} | tee said\necho "{step.result}=$(tail -n 1 said)" >> "$GITHUB_OUTPUT"'
    return {"name": step.name, "id": step.result, "shell": "bash", "run": keep}


def _variables(job: Job) -> dict[str, str]:
    return {name: f"${{{{ {_given(name)} }}}}" for name in job.variables}


def _given(name: str) -> str:
    return _DEFAULTS.get(name) or _value(name)


def _results_of(flow: Flow, job: Job) -> dict[str, str]:
    """What the job that it needs has said, each as a variable."""
    before = [each for each in flow.jobs if each.name == job.needs]
    results = [(each.name, step.result) for each in before for step in each.steps if step.result]
    return {result.upper(): f"${{{{ needs.{name}.outputs.{result} }}}}" for name, result in results}


def _value(name: str | None) -> str:
    """An input given by hand, or with a dispatch; else the repository's variable of that name."""
    low = str(name).lower()
    return f"inputs.{low} || github.event.client_payload.{low} || vars.{name}"


def _use(action: str, given: Yaml, only: str | None = None) -> Yaml:
    condition = {"if": only} if only else {}
    return {**condition, "uses": f"{action}@{PINS[action][0]}", **({"with": given} if given else {})}

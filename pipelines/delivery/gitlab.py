"""GitLab CI: the same flows in one file. Cloud access by GitLab's identity tokens, images by its own registry."""

from typing import Any

from pipelines.delivery.definition import FLOWS, WAITING, Flow, Job, Right

Yaml = dict[str, Any]

_DEFAULTS = {"BASE": "origin/$CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "REGISTRY": "$CI_REGISTRY_IMAGE"}
_TOKENS: dict[Right, tuple[tuple[str, str], ...]] = {
    "cloud": (("AWS_WEB_IDENTITY", "sts.amazonaws.com"),),
    "registry": (("SIGSTORE_ID_TOKEN", "sigstore"),),
}
"""Short-lived identities: variable and audience."""
_LOGIN = 'printf %s "$CI_REGISTRY_PASSWORD" | docker login -u "$CI_REGISTRY_USER" --password-stdin "$CI_REGISTRY"'

_BUILDER = (
    "docker run --rm --privileged tonistiigi/binfmt --install arm64",
    "docker context create service",  # buildx takes the service's certificates from a context only
    "docker buildx create --use service",
)
"""The service's own builder knows one architecture and no attestations."""

_IDENTITY = """if [ -n "${AWS_ROLE:-}" ]; then
  export AWS_ROLE_ARN="$AWS_ROLE" AWS_WEB_IDENTITY_TOKEN_FILE="$(mktemp)"
  printf %s "$AWS_WEB_IDENTITY" > "$AWS_WEB_IDENTITY_TOKEN_FILE"
fi"""
"""The AWS libraries take a token file and a role, and need no key."""


def pipeline() -> Yaml:
    """The content of .gitlab-ci.yml."""
    jobs = {f"{flow.name}:{job.name}": _job(flow, job) for flow in FLOWS for job in flow.jobs}
    return {
        "stages": [flow.name for flow in FLOWS] + [f"{flow.name}-then" for flow in FLOWS if len(flow.jobs) > 1],
        "default": {"image": "python:3.11-bookworm", "interruptible": True},
        **jobs,
    }


def _job(flow: Flow, job: Job) -> Yaml:
    body: Yaml = {"stage": f"{flow.name}-then" if job.needs else flow.name, "rules": _rules(flow, job)}
    if len(job.pythons) > 1:
        body["parallel"] = {"matrix": [{"PYTHON": list(job.pythons)}]}
        body["image"] = "python:$PYTHON-bookworm"
    if variables := {name: _DEFAULTS[name] for name in job.variables if name in _DEFAULTS}:
        body["variables"] = variables
    if job.history:
        body["variables"] = {**body.get("variables", {}), "GIT_DEPTH": "0"}
    if job.environment:
        body["environment"] = {"name": job.environment}
    if flow.alone:
        body |= {"resource_group": f"{flow.name}-${flow.alone}", "interruptible": False}
    if job.rights:
        body["id_tokens"] = {name: {"aud": audience} for right in job.rights for name, audience in _TOKENS[right]}
    if "registry" in job.rights:
        body |= {"image": "docker:28-cli", "services": ["docker:28-dind"]}
        body["variables"] = {**body.get("variables", {}), "DOCKER_TLS_CERTDIR": "/certs"}
    if job.needs:
        body["needs"] = [{"job": f"{flow.name}:{job.needs}", "artifacts": True}]
    body["script"] = _script(job)
    body["timeout"] = f"{job.minutes} minutes"
    if any(step.may_wait for step in job.steps):
        body["allow_failure"] = {"exit_codes": [WAITING]}  # a warning beside the job, not a failure
    said = [f"{step.result}.env" for step in job.steps if step.result]
    if job.keeps or said:
        reports = {"reports": {"dotenv": said}} if said else {}
        body["artifacts"] = {"when": "always", **({"paths": list(job.keeps)} if job.keeps else {}), **reports}
    return body


def _script(job: Job) -> list[str]:
    lines = []
    if "registry" in job.rights:
        lines += ["apk add --no-cache bash cosign git make python3", _LOGIN, *_BUILDER]
    if "cloud" in job.rights:
        lines.append(_IDENTITY)
    for step in job.steps:
        if step.may_wait:
            lines.append(f"tools/{step.run}")
        elif step.result is None:
            lines.append(step.run)
        else:
            lines += [
                "set -o pipefail",
                f"{step.run} | tee said",
                f'echo "{step.result.upper()}=$(tail -n 1 said)" > {step.result}.env',
            ]
    return lines


def _rules(flow: Flow, job: Job) -> list[Yaml]:
    only = f" && {_DEFAULTS.get(job.only_with, f'${job.only_with}')}" if job.only_with else ""
    main = "$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH"
    rules: list[Yaml] = []
    if flow.on_pull_request:
        rules.append({"if": '$CI_PIPELINE_SOURCE == "merge_request_event"' + only})
    if flow.on_push:
        rules.append({"if": f'$CI_PIPELINE_SOURCE == "push" && {main}{only}'})
    if flow.inputs:
        # by hand, by the API or by the clock: FLOW says which one is meant
        waits = {"when": "manual"} if job.needs else {}
        rules.append({"if": f'$FLOW == "{flow.name}" && {main}{only}', **waits})
    return rules

"""Jenkins: the same flows as one declarative pipeline. FLOW chooses among those that are started by hand."""

from pipelines.delivery.definition import FLOWS, Flow, Job

_HEAD = """pipeline {
  agent { docker { image 'python:3.11-bookworm' } }
  options { disableConcurrentBuilds(); timestamps(); timeout(time: 4, unit: 'HOURS') }
  parameters {
    choice(name: 'FLOW', choices: [%s], description: 'What is to be done by hand')
%s
  }
  stages {
"""
_DEFAULTS = {"BASE": "origin/${env.CHANGE_TARGET}", "REGISTRY": "${env.REGISTRY}"}


def pipeline() -> str:
    """The content of the Jenkinsfile."""
    by_hand = [flow.name for flow in FLOWS if flow.inputs]
    inputs = sorted({name for flow in FLOWS for name in flow.inputs})
    asked = "\n".join(f"    string(name: '{name}', defaultValue: '')" for name in inputs)
    head = _HEAD % (", ".join(f"'{name}'" for name in ("none", *by_hand)), asked)
    return head + "".join(_stage(flow, job) for flow in FLOWS for job in flow.jobs) + "  }\n}\n"


def _stage(flow: Flow, job: Job) -> str:
    lines = [f"stage('{flow.name}: {job.name}') {{", f"  when {{ {_when(flow)} }}"]
    if job.environment and job.needs:
        lines.append(f"  input {{ message 'Roll out to {job.environment}?' }}")
    if variables := [name for name in job.variables if name in _DEFAULTS]:
        pairs = "; ".join(f'{name} = "{_DEFAULTS[name]}"' for name in variables)
        lines.append(f"  environment {{ {pairs} }}")
    lines.append("  steps {")
    for step in job.steps:
        if step.result is None:
            lines.append(f"    sh '{step.run}'")
        else:
            lines.append(f"    sh '{step.run} > said'")  # a pipe would hide that it failed
            lines.append(f"    script {{ env.{step.result.upper()} = readFile('said').readLines().last() }}")
    lines.append("  }")
    if job.keeps:
        kept = ", ".join(f"{path}/**" if "." not in path.rsplit("/", 1)[-1] else path for path in job.keeps)
        lines.append(f"  post {{ always {{ archiveArtifacts artifacts: '{kept}', allowEmptyArchive: true }} }}")
    lines.append("}")
    return "".join(f"    {line}\n" for line in lines)


def _when(flow: Flow) -> str:
    occasions = []
    if flow.inputs:
        occasions.append(f"expression {{ params.FLOW == '{flow.name}' }}")
    if flow.on_pull_request:
        occasions.append("changeRequest()")
    if flow.on_push:
        occasions.append("branch 'main'")
    one = occasions[0] if len(occasions) == 1 else f"anyOf {{ {'; '.join(occasions)} }}"
    if not flow.paths:
        return one
    touched = "; ".join(f"changeset '{path}'" for path in flow.paths)
    return f"allOf {{ {one}; anyOf {{ {touched} }} }}"

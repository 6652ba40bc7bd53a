"""Jenkins: the same flows as one declarative pipeline. FLOW chooses among those that are started by hand.

Each stage has an agent of its own, taken when it is known to run, so that a question holds none. Only main's job rolls
out and trains, and it never builds twice at once.
"""

from pipelines.delivery.definition import FLOWS, TOLD, WAITING, Flow, Job, Step

_HEAD = """pipeline {
  agent none
  options { disableConcurrentBuilds(); timestamps() }
  parameters {
    choice(name: 'FLOW', choices: [%s], description: 'What is to be done by hand')
%s
  }
  stages {
"""
_ENVIRONMENT = {"BASE": "origin/${env.CHANGE_TARGET}"}
"""Variables that come from the occasion; REGISTRY is one of Jenkins itself."""
_HOME = 'HOME = "${env.WORKSPACE_TMP}"'
"""In a container the agent's user has no folder of its own."""


def pipeline() -> str:
    """The content of the Jenkinsfile."""
    by_hand = [flow.name for flow in FLOWS if flow.inputs]
    inputs = sorted({name for flow in FLOWS for name in flow.inputs})
    asked = "\n".join(f"    string(name: '{name}', defaultValue: '')" for name in inputs)
    head = _HEAD % (", ".join(f"'{name}'" for name in ("none", *by_hand)), asked)
    return head + "".join(_indented(_stage(flow, job), 4) for flow in FLOWS for job in flow.jobs) + "  }\n}\n"


def _stage(flow: Flow, job: Job) -> str:
    asks = bool(job.environment and job.needs)
    lines = [
        f"options {{ timeout(time: {job.minutes}, unit: 'MINUTES') }}",
        f"when {{ {'beforeInput' if asks else 'beforeAgent'} true; {_when(flow, job)} }}",
    ]
    if asks:
        lines.append(f"input {{ message 'Roll out to {job.environment}?' }}")
    lines += _work(job) if len(job.pythons) == 1 else _matrix(job)
    return _block(f"stage('{flow.name}: {job.name}')", lines)


def _matrix(job: Job) -> list[str]:
    """The same work with each Python."""
    values = ", ".join(f"'{python}'" for python in job.pythons)
    stages = _block("stages", _block(f"stage('{job.name}')", _work(job)).splitlines()).splitlines()
    return _block("matrix", [f"axes {{ axis {{ name 'PYTHON'; values {values} }} }}", *stages]).splitlines()


def _work(job: Job) -> list[str]:
    """Where it runs, its steps, and what is kept of it."""
    itself = "registry" in job.rights  # images are built on the agent, not in a container
    python = "${PYTHON}" if len(job.pythons) > 1 else job.pythons[0]
    agent = "agent any" if itself else f'agent {{ docker {{ image "python:{python}-bookworm" }} }}'
    pairs = [f'{name} = "{_ENVIRONMENT[name]}"' for name in job.variables if name in _ENVIRONMENT]
    variables = pairs if itself else [_HOME, *pairs]
    lines = [agent, *([f"environment {{ {'; '.join(variables)} }}"] if variables else [])]
    lines += _block("steps", [line for step in job.steps for line in _step(step)]).splitlines()
    if job.keeps:
        kept = ", ".join(f"{path}/**" if "." not in path.rsplit("/", 1)[-1] else path for path in job.keeps)
        lines.append(f"post {{ always {{ archiveArtifacts artifacts: '{kept}', allowEmptyArchive: true }} }}")
    return lines


def _step(step: Step) -> list[str]:
    if step.may_wait:
        waits = f"if (code == {WAITING}) {{ unstable('{TOLD}') }}"
        return _block(
            "script",
            [
                f"int code = sh(script: 'tools/{step.run}', returnStatus: true)",
                f'{waits} else if (code != 0) {{ error("exit code ${{code}}") }}',
            ],
        ).splitlines()
    if step.result is None:
        return [f"sh '{step.run}'"]
    said = f"script {{ env.{step.result.upper()} = readFile('said').readLines().last() }}"
    return [f"sh '{step.run} > said'", said]  # a pipe would hide that it failed


def _when(flow: Flow, job: Job) -> str:
    """By hand only on main; by an occasion only where nothing was asked for by hand."""
    if flow.inputs:
        return f"branch 'main'; expression {{ params.FLOW == '{flow.name}' }}"
    given = f" && env.{job.only_with}" if job.only_with else ""
    occasions = ["changeRequest()"] * flow.on_pull_request + ["branch 'main'"] * flow.on_push
    one = occasions[0] if len(occasions) == 1 else f"anyOf {{ {'; '.join(occasions)} }}"
    return f"{one}; expression {{ params.FLOW == 'none'{given} }}"


def _block(head: str, lines: list[str]) -> str:
    return f"{head} {{\n{_indented(chr(10).join(lines), 2)}}}\n"


def _indented(text: str, by: int) -> str:
    return "".join(f"{' ' * by}{line}\n" for line in text.splitlines())

"""``python -m pipelines compile|run|submit|schedule|upload``: the door to everything that is a pipeline."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from evenkeel.errors import EvenkeelError

REFUSED = 3
"""Exit code where the gate refused the candidate: not a failure of the run."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0, 1 failed, 2 used wrongly, 3 refused by the gate, 130 interrupted."""
    options = _parser().parse_args(arguments)
    try:
        options.do(options)
    except EvenkeelError as error:
        print(_told(error), file=sys.stderr)
        return REFUSED if _refused(error) else 1
    except KeyboardInterrupt:
        print("\ninterrupted; the next run goes on from the cache", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pipelines", description="Compile, run and submit the pipeline.")
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    verb = verbs.add_parser("compile", help="write pipelines/compiled/ from the source")
    verb.add_argument("--check", action="store_true", help="only compare; fail where they differ")
    verb.set_defaults(do=_compile)

    verb = verbs.add_parser("run", help="run a project here, or with --target kfp on Kubeflow")
    _add_project(verb)
    verb.add_argument("--target", choices=["local", "kfp"], default="local", help="where the boxes run")
    verb.add_argument("-v", "--verbose", action="store_true", help="show the boxes' logs as they come")
    verb.add_argument("--no-cache", action="store_true", help="run every box anew")
    verb.set_defaults(do=_run)

    verb = verbs.add_parser("submit", help="run a project on Kubeflow and wait for its end")
    _add_project(verb)
    verb.add_argument("--no-cache", action="store_true", help="run every box anew")
    verb.set_defaults(do=_submit)

    verb = verbs.add_parser("schedule", help="create or replace a project's recurring run on Kubeflow")
    _add_project(verb)
    verb.add_argument("--cron", help="six fields, seconds first; default: retraining.schedule of the project")
    verb.add_argument("--monitoring", action="store_true", help="of the check of its windows; default: each hour")
    verb.set_defaults(do=_schedule)

    verb = verbs.add_parser("upload", help="upload the pipeline to Kubeflow, or a new version of it")
    verb.set_defaults(do=_upload)
    return parser


def _add_project(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("project", help="name of a file in conf/, without .yaml")
    verb.add_argument("--deploy-target", help="where the model goes; default: serving.target of the project")


def _compile(options: argparse.Namespace) -> None:
    from pipelines.compile import COMPILED, COMPILED_MONITORING, check_compiled, compile_pipeline

    for path in (COMPILED, COMPILED_MONITORING):
        if options.check:
            check_compiled(path)
        else:
            compile_pipeline(path)
            print(f"wrote {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")


def _run(options: argparse.Namespace) -> None:
    if options.target == "kfp":
        _submit(options)
        return
    from pipelines.run import run

    run(options.project, target=options.deploy_target, verbose=options.verbose, cached=not options.no_cache)


def _submit(options: argparse.Namespace) -> None:
    from pipelines.submit import submit

    submit(options.project, target=options.deploy_target, cached=not options.no_cache)


def _schedule(options: argparse.Namespace) -> None:
    from pipelines.submit import schedule, schedule_monitoring

    if options.monitoring:
        schedule_monitoring(options.project, cron=options.cron)
        return
    schedule(options.project, target=options.deploy_target, cron=options.cron)


def _upload(_options: argparse.Namespace) -> None:
    from pipelines.submit import upload

    upload()


def _told(error: EvenkeelError) -> str:
    from pipelines.local import StageError

    return f"\n{error}\nlog: {error.stage.log}" if isinstance(error, StageError) else f"error: {error}"


def _refused(error: EvenkeelError) -> bool:
    from pipelines.local import StageError

    return isinstance(error, StageError) and error.failure.kind == "GateError"


if __name__ == "__main__":
    raise SystemExit(main())

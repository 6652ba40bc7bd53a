"""``python -m pipelines VERB``: the door to everything that is a pipeline. ``--help`` lists the verbs."""

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from evenkeel.errors import ApprovalError, EvenkeelError, GateError

REFUSED = 3
"""Exit code where the gate refused the candidate: not a failure of the run."""
WAITING = 4
"""Exit code where the run waits for somebody's approval: the same again goes on."""
DIFFERS = 5
"""Exit code where a version that was made again is another."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0, 1 failed, 2 used wrongly, 3 refused, 4 waiting for approval, 5 differs, 130 interrupted."""
    options = _parser().parse_args(arguments)
    try:
        code: int | None = options.do(options)
    except EvenkeelError as error:
        print(_told(error), file=sys.stderr)
        return exit_code(error)
    except KeyboardInterrupt:
        print("\ninterrupted; the next run goes on from the cache", file=sys.stderr)
        return 130
    return code or 0


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
    verb.add_argument("--monitoring", action="store_true", help="check its windows instead, once")
    verb.set_defaults(do=_submit)

    verb = verbs.add_parser("schedule", help="create or replace a project's recurring run on Kubeflow")
    _add_project(verb)
    verb.add_argument("--cron", help="six fields, seconds first; default: retraining.schedule of the project")
    verb.add_argument("--monitoring", action="store_true", help="of the check of its windows; default: each hour")
    verb.set_defaults(do=_schedule)

    verb = verbs.add_parser("upload", help="upload the pipeline to Kubeflow, or a new version of it")
    verb.add_argument("--monitoring", action="store_true", help="the one that checks windows")
    verb.set_defaults(do=_upload)

    verb = verbs.add_parser("reproduce", help="make a version again from its recorded inputs; exit 5 where it differs")
    verb.add_argument("model", metavar="MODEL@VERSION", help="visits@3, or an alias: visits@champion")
    verb.add_argument("--out", type=Path, metavar="FOLDER", help="keep both bundles here; absent: nothing is kept")
    verb.set_defaults(do=_reproduce)

    verb = verbs.add_parser("compare", help="train what a branch changes, judge it against production; exit 3: worse")
    verb.add_argument("projects", nargs="*", metavar="project", help="default: those that the working tree changes")
    verb.add_argument("--base", required=True, metavar="REF", help="its model is the rival where there is no champion")
    verb.add_argument("--default", default="", metavar="PROJECT", help="the judge where only code changes")
    verb.add_argument("--out", type=Path, metavar="FOLDER", help="default: <home>/comparison")
    verb.set_defaults(do=_compare)
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
        _submit_training(options)
        return
    from pipelines.run import run

    run(options.project, target=options.deploy_target, verbose=options.verbose, cached=not options.no_cache)


def _submit(options: argparse.Namespace) -> None:
    if not options.monitoring:
        _submit_training(options)
        return
    from pipelines.submit import submit_monitoring

    submit_monitoring(options.project)


def _submit_training(options: argparse.Namespace) -> None:
    from pipelines.submit import submit

    submit(options.project, target=options.deploy_target, cached=not options.no_cache)


def _schedule(options: argparse.Namespace) -> None:
    from pipelines.submit import schedule, schedule_monitoring

    if options.monitoring:
        schedule_monitoring(options.project, cron=options.cron)
        return
    schedule(options.project, target=options.deploy_target, cron=options.cron)


def _upload(options: argparse.Namespace) -> None:
    from pipelines.submit import upload, upload_monitoring

    (upload_monitoring if options.monitoring else upload)()


def _reproduce(options: argparse.Namespace) -> int:
    from evenkeel.settings import read_settings
    from pipelines.parameters import ROOT
    from pipelines.rebuild import scratch
    from pipelines.reproduce import reproduce, told

    with scratch(options.out) as folder:
        made = reproduce(options.model, read_settings(), ROOT, folder)
    print(told(made))
    return 0 if made.identical else DIFFERS


def _compare(options: argparse.Namespace) -> None:
    from evenkeel.settings import read_settings
    from pipelines.branch import choose
    from pipelines.parameters import ROOT
    from pipelines.review import forget, review

    settings = read_settings()
    place = options.out or settings.home / "comparison"
    forget(place)
    choice = choose(options.projects, options.base, options.default, settings, ROOT)
    review(choice, options.base, settings, ROOT, place, partial(print, flush=True))


def _told(error: EvenkeelError) -> str:
    from pipelines.local import StageError

    return f"\n{error}\nlog: {error.stage.log}" if isinstance(error, StageError) else f"error: {error}"


def exit_code(error: EvenkeelError) -> int:
    """The exit code of an error, a box's among them."""
    from pipelines.local import StageError

    kind = error.failure.kind if isinstance(error, StageError) else type(error).__name__
    return {GateError.__name__: REFUSED, ApprovalError.__name__: WAITING}.get(kind, 1)


if __name__ == "__main__":
    raise SystemExit(main())

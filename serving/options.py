"""The command line of ``python -m serving``."""

import argparse
from pathlib import Path

from evenkeel.settings import Settings


def read_options(arguments: list[str] | None, settings: Settings) -> argparse.Namespace:
    """What was asked for. Exits with a usage message where it makes no sense."""
    parser = argparse.ArgumentParser(
        prog="python -m serving",
        description="Serve a bundle over REST, the Open Inference Protocol V2 and KServe V1.",
    )
    _model(parser)
    _place(parser)
    _ledger(parser, settings)
    _shadow(parser, settings)
    options = parser.parse_args(arguments)
    if not 0 <= options.shadow_share <= 1:
        parser.error("--shadow-share is a share: between 0 and 1")
    if options.dashboard and not options.dashboard.startswith(("http://", "https://")):
        parser.error("--dashboard is a page's address: http://... or https://...")
    return options


def _model(parser: argparse.ArgumentParser) -> None:
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--bundle", type=Path, metavar="PATH", help="the bundle in this folder")
    source.add_argument("--model-dir", type=Path, metavar="DIR", help="the bundle in or just below DIR (/mnt/models)")
    source.add_argument("--follow", metavar="RELEASE", help="what this release record says: a file, s3://... or URL")
    parser.add_argument("--model-name", metavar="NAME", help="the model's name in paths and answers; else the bundle's")
    parser.add_argument("--interval", type=float, default=2.0, metavar="S", help="seconds between looks at the release")
    parser.add_argument(
        "--allow-uncertified", action="store_true", help="serve a bundle that did not pass the gate; metrics say so"
    )


def _place(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on; 0.0.0.0 in a container")
    parser.add_argument("--port", type=int, default=8080, help="port to listen on; 0: any free one")
    parser.add_argument("--keys", type=Path, metavar="FILE", help="API keys, a line 'name:sha256 of the key' each")
    parser.add_argument("--open-metrics", action="store_true", help="/metrics needs no key")
    parser.add_argument("--dashboard", metavar="URL", help="where drift is shown; the landing page links to it")
    parser.add_argument(
        "--drain", type=float, default=5.0, metavar="S", help="seconds of serving on after SIGTERM, not ready"
    )
    parser.add_argument(
        "--grace", type=float, default=20.0, metavar="S", help="seconds after the drain in which all must be done"
    )


def _ledger(parser: argparse.ArgumentParser, settings: Settings) -> None:
    parser.add_argument(
        "--ledger", default=str(settings.ledger), metavar="URI", help="where predictions go: a folder, s3://... or none"
    )
    parser.add_argument("--ledger-interval", type=float, default=5.0, metavar="S", help="seconds between ledger files")


def _shadow(parser: argparse.ArgumentParser, settings: Settings) -> None:
    parser.add_argument(
        "--shadow",
        default=settings.shadow,
        metavar="PATH|RELEASE",
        help="a second model that answers in the background: a bundle's folder, or a release record (*.json) to follow",
    )
    parser.add_argument("--shadow-share", type=float, default=1.0, metavar="SHARE", help="share of requests it sees")

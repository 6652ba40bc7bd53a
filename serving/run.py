"""Putting a server together from its options, and running it."""

import argparse
import asyncio
import logging
import os
import socket
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector

from evenkeel.errors import SettingsError
from evenkeel.release import Release
from evenkeel.settings import Settings
from serving.app import create_app
from serving.auth import Keys
from serving.follow import Follower, ShadowFollower, Source, load_release
from serving.ledger import Ledger
from serving.memory import bound_memory, settle_memory
from serving.metrics import Metrics
from serving.model import Model, Slot, find_bundle, load_model
from serving.server import Server, listen
from serving.shadow import Shadow

_log = logging.getLogger("evenkeel.serving")


def run(options: argparse.Namespace, settings: Settings) -> None:
    """Load, listen, serve, leave. Raises EvenkeelError where it cannot start."""
    bound_memory()
    slot = Slot()
    metrics = Metrics(_registry(), follows=bool(options.follow))
    metrics.ready.set_function(lambda: slot.ready)
    equip = _equipment(settings, metrics)
    if not options.follow:
        slot.model = equip(_load(options, settings))
        metrics.switched(slot.model)
    keys = Keys(options.keys) if options.keys else None
    beside = Slot()
    beside_follower = _beside(options, settings, slot, beside)
    listener = _listen(options)
    ledger = _ledger(options, settings, metrics)
    shadow = Shadow(beside, options.shadow_share, metrics, ledger) if options.shadow else None
    gate = create_app(
        slot,
        metrics,
        ledger=ledger,
        shadow=shadow,
        keys=keys,
        open_metrics=options.open_metrics,
        dashboard=options.dashboard,
    )

    def leave() -> None:
        if shadow is not None:
            shadow.close(1.0)
        if ledger is not None:
            ledger.close(max(1.0, options.grace / 2))

    server = Server(gate, drain=options.drain, grace=options.grace / 2, on_leave=leave)
    follower = _follower(options, settings, slot, metrics, equip) if options.follow else None
    settle_memory()
    host, port = listener.getsockname()[:2]
    _log.info("listening", extra={"host": host, "port": port, "model": slot.model and slot.model.name})
    with asyncio.Runner() as runner:
        runner.run(_serve(server, listener, [each for each in (follower, beside_follower) if each is not None]))


async def _serve(server: Server, listener: socket.socket, followers: Sequence[Follower]) -> None:
    following = [asyncio.create_task(each.run()) for each in followers]
    try:
        await server.serve(listener)
    finally:
        for task in following:
            task.cancel()


def _load(options: argparse.Namespace, settings: Settings) -> Model:
    folder = options.bundle or find_bundle(options.model_dir)
    model = load_model(
        folder,
        version=os.environ.get("EVENKEEL_MODEL_VERSION"),
        name=options.model_name,
        digest=settings.bundle_digest,
        allow_uncertified=options.allow_uncertified,
        verify_keys=settings.verify_keys,
    )
    return _warned(model, options, settings)


def _beside(options: argparse.Namespace, settings: Settings, live: Slot, slot: Slot) -> ShadowFollower | None:
    """Fill the slot of the second model, or say who keeps it filled.

    It needs no certificate, since it answers nobody, but a signature like every other.
    """
    if options.shadow is None:
        return None
    if not options.shadow.endswith(".json"):
        slot.model = load_model(Path(options.shadow), allow_uncertified=True, verify_keys=settings.verify_keys)
        return None
    source = Source(options.shadow, Path(settings.home) / "serving" / "beside")
    load = partial(load_release, name=None, allow_uncertified=True, verify_keys=settings.verify_keys)
    return ShadowFollower(source, slot, live, load, options.interval)


def _warned(model: Model, options: argparse.Namespace, settings: Settings) -> Model:
    """The model, and a warning where the ledger would hash without a salt, or features cannot be looked up."""
    columns = model.project.contract.columns
    hashed = [name for name, column in columns.items() if column.sensitive == "hash"]
    if hashed and options.ledger != "none" and settings.ledger_salt is None:
        told = {"columns": hashed, "setting": "EVENKEEL_LEDGER_SALT"}
        _log.warning("columns are hashed without a salt: who reads the ledger can guess short values", extra=told)
    if model.project.features.feast is not None and settings.feast_url is None:
        told = {"service": model.project.features.feast.service, "setting": "EVENKEEL_FEAST_URL"}
        _log.warning("no feature server is configured: requests must bring all features", extra=told)
    return model


def _equipment(settings: Settings, metrics: Metrics) -> Callable[[Model], Model]:
    """What gives a model that takes features from a store the way to it."""
    if settings.feast_url is None:
        return lambda model: model
    from serving.lookup import FeatureServer, with_store  # an HTTP client, which other servers need not hold

    return partial(with_store, FeatureServer(settings.feast_url, metrics.registry))


def _listen(options: argparse.Namespace) -> socket.socket:
    try:
        return listen(options.host, options.port)
    except OSError as exc:
        raise SettingsError(f"--host {options.host} --port {options.port}: {exc.strerror}; give another port") from exc


def _ledger(options: argparse.Namespace, settings: Settings, metrics: Metrics) -> Ledger | None:
    if options.ledger == "none":
        return None
    salt = settings.ledger_salt.get_secret_value() if settings.ledger_salt else ""
    return Ledger(options.ledger, metrics, salt=salt, interval=options.ledger_interval)


def _follower(
    options: argparse.Namespace, settings: Settings, slot: Slot, metrics: Metrics, equip: Callable[[Model], Model]
) -> Follower:
    source = Source(options.follow, Path(settings.home) / "serving" / "bundles")

    def load(release: Release, folder: Path) -> Model:
        return equip(_load_release(options, settings, release, folder))

    return Follower(source, slot, metrics, load, options.interval)


def _load_release(options: argparse.Namespace, settings: Settings, release: Release, folder: Path) -> Model:
    model = load_release(
        release,
        folder,
        name=options.model_name,
        allow_uncertified=options.allow_uncertified,
        verify_keys=settings.verify_keys,
        only=settings.bundle_digest,
    )
    return _warned(model, options, settings)


def _registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    return registry

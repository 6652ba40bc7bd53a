"""The pipelines as Kubernetes objects, for GitOps: ``python -m pipelines.gitops DIR``.

Pipeline and PipelineVersion in kfp's own format, with the images of EVENKEEL_IMAGE and EVENKEEL_MONITORING_IMAGE, for
API servers that run with ``--pipelinesStoreKubernetes``. Elsewhere ``python -m pipelines upload`` does the same.
"""

import argparse
import importlib
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from evenkeel.digest import json_digest
from evenkeel.errors import EvenkeelError
from evenkeel.settings import Settings, read_settings
from pipelines.compile import COMPILED, COMPILED_MONITORING
from pipelines.package import set_image


def write_manifests(folder: Path, settings: Settings) -> list[Path]:
    """Write both pipelines as Kubernetes objects; a version is named by its content, so that a changed one is another.

    The namespace is left to whoever applies them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    images = {COMPILED: settings.image, COMPILED_MONITORING: settings.monitoring_image}
    return [_write(folder, compiled.stem, image) for compiled, image in images.items()]


def _write(folder: Path, module: str, image: str) -> Path:
    import yaml
    from kfp.compiler import Compiler
    from kfp.compiler.compiler_utils import KubernetesManifestOptions

    pipeline = getattr(importlib.import_module(f"pipelines.{module}"), module)
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "manifests.yaml"
        options = KubernetesManifestOptions(pipeline_name=pipeline.name, include_pipeline_manifest=True)
        Compiler().compile(pipeline, str(path), kubernetes_manifest_options=options, kubernetes_manifest_format=True)
        described, version = yaml.safe_load_all(path.read_text(encoding="utf-8"))
    set_image(version["spec"]["pipelineSpec"], image)
    name = f"{pipeline.name}-{json_digest(version['spec'])[:12]}"
    version["metadata"]["name"] = version["spec"]["displayName"] = name
    written = folder / f"{pipeline.name}.yaml"
    written.write_text(yaml.safe_dump_all([described, version]), encoding="utf-8")
    return written


def main(arguments: Sequence[str]) -> int:
    """Write the manifests."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.gitops", description=__doc__)
    parser.add_argument("folder", type=Path, help="where they go")
    options = parser.parse_args(arguments)
    try:
        for path in write_manifests(options.folder, read_settings()):
            print(f"wrote {path}")
    except EvenkeelError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

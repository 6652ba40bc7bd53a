"""The Docker engine that these tests use, and whether what they need of it is there."""

import shutil
import subprocess


def docker(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["docker", *arguments], check=False, capture_output=True, text=True)


def missing(image: str) -> str:
    """Why no container of this image can be run; nothing where one can."""
    if shutil.which("docker") is None or docker("info").returncode:
        return "no Docker engine answers (tools/container-engine starts one)"
    return "" if docker("image", "inspect", image).returncode == 0 else f"{image} is not built (make images)"

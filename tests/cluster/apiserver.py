"""A real Kubernetes API server over a real etcd, with the upstream CustomResourceDefinitions, for tests.

No kubelet, scheduler or controller runs beside it: what is applied is stored, validated, defaulted and guarded by RBAC
and Pod Security, and then stays as written. Nothing makes pods of a Deployment, fills a status, creates a namespace's
`default` service account, or finishes deleting a namespace; a test that needs any of it writes it, or uses a
namespace of its own (the `namespace` fixture).
"""

import json
import secrets
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

START_SECONDS = 120
STRICT_APPLY = ("apply", "--server-side", "--validate=strict", "-f", "-")


class KubectlError(Exception):
    """kubectl's own words on what failed."""


@dataclass(frozen=True)
class ApiServer:
    """A running API server, and its administrator's ways in."""

    url: str
    admin_token: str
    kubeconfig: Path
    certificate: Path
    tools: Path

    def kubectl(self, *arguments: str, stdin: str | None = None, token: str | None = None) -> str:
        """What kubectl prints, as the administrator or as the owner of `token`; KubectlError where it fails."""
        answer = self.try_kubectl(*arguments, stdin=stdin, token=token)
        if answer.returncode:
            raise KubectlError(f"kubectl {' '.join(arguments)}: {answer.stderr}")
        return answer.stdout

    def try_kubectl(
        self, *arguments: str, stdin: str | None = None, token: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """As `kubectl`, however it ends."""
        kubeconfig = self.kubeconfig if token is None else self.kubeconfig_for(token)
        # A cache of its own: the usual one is kept by address, and ports come again.
        options = ["--kubeconfig", str(kubeconfig), "--cache-dir", str(self.kubeconfig.parent / "cache")]
        command = [str(self.tools / "bin/kubectl"), *options, *arguments]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, timeout=60)

    def apply(self, *objects: Mapping[str, Any], token: str | None = None) -> str:
        """Server-side apply of these manifests, every unknown field an error."""
        return self.kubectl(*STRICT_APPLY, stdin=stream_of(objects), token=token)

    def make_namespace(self, name: str) -> None:
        """A namespace that warns of what Pod Security's restricted level would refuse."""
        labels = {"pod-security.kubernetes.io/warn": "restricted"}
        manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
        self.kubectl("create", "-f", "-", stdin=json.dumps(manifest))

    def token_for(self, namespace: str, service_account: str) -> str:
        """A token of the TokenRequest API: what a pod of this service account holds. The account must exist."""
        return self.kubectl("create", "token", service_account, "--namespace", namespace).strip()

    def kubeconfig_for(self, token: str) -> Path:
        """A kubeconfig file of whoever holds `token`."""
        return write_kubeconfig(self.kubeconfig.parent, self.url, self.certificate, token)


def stream_of(objects: Iterable[Mapping[str, Any]]) -> str:
    """Documents, not a List: kubectl would check a List by itself, with poorer words than the server's."""
    return "\n---\n".join(json.dumps(document) for document in objects)


def write_kubeconfig(folder: Path, url: str, certificate: Path, token: str) -> Path:
    """JSON is YAML, so kubectl and every client read it."""
    path = folder / f"kubeconfig-{secrets.token_hex(4)}"
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": {"server": url, "certificate-authority": str(certificate)}}],
        "users": [{"name": "test", "user": {"token": token}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "current-context": "test",
    }
    path.touch(mode=0o600)
    path.write_text(json.dumps(content))
    return path


@contextmanager
def running_apiserver(tools: Path, folder: Path) -> Iterator[ApiServer]:
    """The server, ready, with the CRDs of `tools`; its state is below `folder`, and it dies with the block."""
    token, storage, port = secrets.token_hex(16), f"http://127.0.0.1:{free_port()}", free_port()
    url, certificate = f"https://127.0.0.1:{port}", folder / "certificates/apiserver.crt"
    with ExitStack() as stack:
        stack.enter_context(process(etcd_command(tools, folder, storage), folder / "etcd.log"))
        command = apiserver_command(tools, folder, storage, port, token)
        server = stack.enter_context(process(command, folder / "kube-apiserver.log"))
        wait_until("/readyz says so", lambda: answers(f"{url}/readyz", certificate, server))
        kubeconfig = write_kubeconfig(folder, url, certificate, token)
        cluster = ApiServer(url, token, kubeconfig, certificate, tools)
        install_definitions(cluster)
        yield cluster


def etcd_command(tools: Path, folder: Path, storage: str) -> list[str]:
    """Nothing is synced to disk: no one wants the data after the tests."""
    return [
        str(tools / "bin/etcd"),
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls={storage}",
        f"--advertise-client-urls={storage}",
        "--listen-peer-urls=http://127.0.0.1:0",
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def apiserver_command(tools: Path, folder: Path, storage: str, port: int, token: str) -> list[str]:
    """The server's own self-signed certificate; the administrator is in `system:masters`."""
    users, key = folder / "tokens.csv", folder / "service-accounts.pem"
    users.touch(mode=0o600)
    users.write_text(f"{token},administrator,administrator,system:masters\n")
    key.touch(mode=0o600)
    key.write_bytes(signing_key())
    return [
        str(tools / "bin/kube-apiserver"),
        f"--etcd-servers={storage}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        f"--secure-port={port}",
        f"--cert-dir={folder / 'certificates'}",
        f"--token-auth-file={users}",
        "--authorization-mode=RBAC",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={key}",
        f"--service-account-signing-key-file={key}",
        "--service-cluster-ip-range=10.0.0.0/24",
        "--endpoint-reconciler-type=none",
    ]


def signing_key() -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    encryption = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def process(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """It is killed, not asked: what it stored is thrown away. Linux ends it where the tests themselves are killed."""
    tied = ["setpriv", "--pdeathsig=KILL", *command] if shutil.which("setpriv") else command
    with log.open("wb") as stream, subprocess.Popen(tied, stdout=stream, stderr=stream) as running:
        try:
            yield running
        finally:
            running.kill()


def install_definitions(cluster: ApiServer) -> None:
    """Done when each kind answers: `kubectl wait` fails on a definition that has no status yet."""
    created = cluster.kubectl("create", "-f", str(cluster.tools / "crds"), "--output=name").split()
    kinds = ",".join(name.partition("/")[2] for name in created)
    wait_until(f"{kinds} are served", lambda: cluster.try_kubectl("get", kinds).returncode == 0)


def wait_until(what: str, holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"the API server was given {START_SECONDS} s until {what}")
        time.sleep(0.1)


def answers(url: str, certificate: Path, server: subprocess.Popen[bytes]) -> bool:
    """Whether the server says it is ready: 200 to anyone, as its default roles allow."""
    if server.poll() is not None:
        raise RuntimeError(f"{server.args!r} ended with {server.returncode}; its log is beside {certificate.parent}")
    if not certificate.exists():
        return False
    try:
        return httpx.get(url, verify=ssl.create_default_context(cafile=str(certificate))).is_success
    except httpx.TransportError:
        return False

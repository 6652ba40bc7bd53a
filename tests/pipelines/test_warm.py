import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.local import SERVER_OF
from pipelines.tasks import NEEDS
from pipelines.warm import _ENVIRONMENT, SERVERS


@pytest.mark.parametrize("server", SERVERS)
def test_what_a_server_imports_exists_and_leaves_it_with_one_thread(server: str, repository: Path) -> None:
    # a name with a mistake would go unseen: a server goes on without it; and threads do not survive a fork
    modules = [*SERVERS[server].first, *SERVERS[server].idle]
    code = f"import threading; import {', '.join(modules)}; print(threading.active_count())"
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=repository, env=_ENVIRONMENT, capture_output=True, text=True, check=True
    )
    assert ran.stdout.splitlines()[-1] == "1"


def test_every_box_has_its_server() -> None:
    assert set(SERVER_OF) == set(NEEDS) - {"monitor"}  # which runs on clusters alone
    assert set(SERVER_OF.values()) == set(SERVERS)

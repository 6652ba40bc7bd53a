import os
import socket

import pytest

from evenkeel.account import account

NAMES = ("LOGNAME", "USER", "LNAME", "USERNAME")


def test_the_account_has_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "ada")
    assert account() == "ada"


def test_a_containers_user_without_a_name_is_its_number_and_host(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 987654)
    assert account() == f"987654@{socket.gethostname()}"

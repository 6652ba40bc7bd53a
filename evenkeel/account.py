"""Who runs this process."""

import getpass
import os
import socket


def account() -> str:
    """The account's name; in a container, whose user has none, its number and the host."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # the second from Python 3.13 on
        return f"{os.getuid()}@{socket.gethostname()}"

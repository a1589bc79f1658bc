"""What the Python drivers' checks share: a check prints one line, and one failure fails the script."""

import os
import sys
import threading
import time
import traceback

SUPPORT = os.environ["PGWARRANT_SUPPORT"]
ANALYST = os.environ["PGWARRANT_ANALYST"]
BARE = os.environ["PGWARRANT_BARE"]
# The certificate that the proxy's is to be verified with, and the directory of its Unix socket.
AUTHORITY = os.environ["PGWARRANT_AUTHORITY"]
SOCKET_DIR = os.environ["PGWARRANT_SOCKET_DIR"]

_failed = []


def report(name, error=None):
    if error is None:
        print(f"ok   {name}", flush=True)
        return
    _failed.append(name)
    last = traceback.extract_tb(error.__traceback__)
    where = next((f"line {f.lineno}" for f in reversed(last) if os.path.dirname(f.filename) == os.path.dirname(__file__)), "")
    print(f"FAIL {name}: {type(error).__name__}: {str(error).strip()} ({where})", flush=True)


def run(name, check):
    try:
        check()
    except Exception as error:  # noqa: BLE001: every error is this check's failure
        report(name, error)
    else:
        report(name)


def equal(found, wanted):
    assert found == wanted, f"{found!r} is not {wanted!r}"


def end():
    sys.exit(1 if _failed else 0)


class Lock:
    """Holds a table so that whoever reads it waits: a statement that is long enough to be cancelled."""

    def __init__(self, table):
        import psycopg

        self.connection = psycopg.connect(BARE)
        self.connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()


def soon(action, seconds=0.5):
    """Runs `action` from another thread, while this one waits for its statement."""
    timer = threading.Timer(seconds, action)
    timer.start()
    return timer


def timed(action):
    began = time.monotonic()
    action()
    return time.monotonic() - began

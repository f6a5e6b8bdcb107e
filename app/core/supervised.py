"""A child process that ends with its supervisor, even when that is killed with kill -9.

`python -m app.core.supervised MODULE ARGUMENTS...` runs a module under this watch. The supervisor
holds the writing end of a pipe and never writes; the kernel closes it when the supervisor dies.
"""

import os
import runpy
import signal
import sys
import threading

PIPE_VARIABLE = "SUPERVISOR_PIPE_FD"
_GRACE_SECONDS = 10.0


def exit_with_parent() -> None:
    """Watch the supervisor's pipe, if there is one: SIGTERM to ourselves when it closes.

    Whoever is still there 10 s after that is ended without further ado. Safe to call twice.
    """
    number = os.environ.pop(PIPE_VARIABLE, "")
    if not number:
        return
    pipe = int(number)
    os.set_inheritable(pipe, False)
    threading.Thread(target=_watch, args=(pipe,), name="supervisor-watch", daemon=True).start()


def _watch(pipe: int) -> None:
    while os.read(pipe, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(_GRACE_SECONDS)
    os._exit(1)


def main() -> None:
    """Run the module named on the command line as `python -m` would."""
    exit_with_parent()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()

"""A program that starts another in its own place, tied to the life of the process that asked for it.

``python tethered.py PARENT COMMAND…``: on Linux the kernel kills COMMAND when PARENT, a process id, is gone, however
PARENT ended; elsewhere COMMAND just runs. It imports little because it runs before every start.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Tie this process to its parent, then become the command."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        # A parent that ended before the call above will never be reported.
        if os.getppid() != parent:
            sys.exit(1)
    os.execvp(command[0], command)  # noqa: S606 - becoming the command is the purpose


if __name__ == "__main__":
    main()

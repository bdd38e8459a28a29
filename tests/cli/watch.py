"""Run a program on a terminal of its own, and interrupt it.

usage: watch.py COLUMNS [FILE LINES SIGNAL]... -- PROGRAM ARGS...

Each SIGNAL (INT, KILL; INT is typed, as Ctrl-C) is sent when FILE has LINES lines; FILE may be -SECONDS to wait
instead. What the program shows on the terminal is written to the standard output, as it came. Exits with the
program's code, or 128 plus the number of the signal that ended it.
"""
import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time


def is_due(file, lines, start):
    if file[0] == "-":
        return time.monotonic() - start > float(file[1:])
    try:
        with open(file, "rb") as f:
            return f.read().count(b"\n") >= int(lines)
    except FileNotFoundError:
        return False


def main():
    end = sys.argv.index("--")
    columns, plan = int(sys.argv[1]), sys.argv[2:end]
    plan = [plan[i:i + 3] for i in range(0, len(plan), 3)]
    start_pipe = os.pipe()
    pid, terminal = pty.fork()
    if pid == 0:
        os.read(start_pipe[0], 1)  # until the terminal has its size
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a background job may have it ignored
        os.execv(sys.argv[end + 1], sys.argv[end + 1:])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    os.write(start_pipe[1], b"!")
    start = time.monotonic()
    while True:
        if plan and is_due(plan[0][0], plan[0][1], start):
            name = plan.pop(0)[2]
            if name == "INT":
                os.write(terminal, b"\x03")
            else:
                os.kill(pid, getattr(signal, "SIG" + name))
            start = time.monotonic()
        if select.select([terminal], [], [], 0.01)[0]:
            try:
                shown = os.read(terminal, 65536)
            except OSError:  # Linux's way of saying that nobody has the other end any more
                break
            if not shown:
                break
            os.write(1, shown)
    code = os.waitpid(pid, 0)[1]
    sys.exit(os.WEXITSTATUS(code) if os.WIFEXITED(code) else 128 + os.WTERMSIG(code))


main()

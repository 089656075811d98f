"""FOR TESTS ONLY: runs a program on a terminal. Columns, rows, program; lines "columns rows" on descriptor 3 change the size."""

import fcntl
import os
import pty
import select
import struct
import sys
import termios


def resize(terminal: int, columns: str, rows: str) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", int(rows), int(columns), 0, 0))


pid, master = pty.fork()
if pid == 0:
    os.close(3)
    resize(0, sys.argv[1], sys.argv[2])
    os.execvp(sys.argv[3], sys.argv[3:])

sources = [0, 3, master]
while True:
    for source in select.select(sources, [], [])[0]:
        try:
            data = os.read(source, 65536)
        except OSError:
            data = b""
        if not data and source != master:
            sources.remove(source)
        elif source == 0:
            os.write(master, data)
        elif source == 3:
            resize(master, *data.decode().splitlines()[-1].split())
        elif data:
            os.write(1, data)
        else:
            status = os.waitpid(pid, 0)[1]
            if os.WIFSIGNALED(status):
                os.kill(os.getpid(), os.WTERMSIG(status))
            sys.exit(os.WEXITSTATUS(status))

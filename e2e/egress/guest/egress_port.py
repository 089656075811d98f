"""Takes the agent's own port and says on it what the agent would not. Arguments: addresses to connect to, and whether to break the contract at last."""

import ctypes
import json
import os
import sys
import time

from attack import get

TARGETS, VIOLATION = json.loads(sys.argv[1]), sys.argv[2]
PORT_NAME = "sandkeep.egress"
# Of the kernel's table for x86-64.
PIDFD_OPEN, PIDFD_GETFD = 434, 438


def port():
    """A copy of the descriptor that process 1 has."""
    device = next(
        name
        for name in os.listdir("/sys/class/virtio-ports")
        if open(f"/sys/class/virtio-ports/{name}/name").read().strip() == PORT_NAME
    )
    number = next(int(fd) for fd in os.listdir("/proc/1/fd") if os.readlink(f"/proc/1/fd/{fd}") == f"/dev/{device}")
    libc = ctypes.CDLL(None, use_errno=True)
    pidfd = libc.syscall(PIDFD_OPEN, 1, 0)
    fd = libc.syscall(PIDFD_GETFD, pidfd, number, 0)
    if fd < 0:
        raise OSError(ctypes.get_errno(), "pidfd_getfd")
    return fd


def frame(kind, flags, stream, payload):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def field(name, value):
    return b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


def write(fd, data):
    """The port does not wait; a frame must not be torn."""
    while data:
        try:
            data = data[os.write(fd, data) :]
        except BlockingIOError:
            time.sleep(0.01)


fd = port()
stream = 1_000_001
for target in TARGETS:
    for fields in (
        [(":method", "CONNECT"), (":authority", target)],
        [(":method", "POST"), (":scheme", "http"), (":path", "/udp"), (":authority", target)],
    ):
        write(fd, frame(1, 4, stream, b"".join(field(*one) for one in fields)))
        data = get(target, "/port")
        write(fd, frame(0, 0, stream, data if fields[0][1] == "CONNECT" else len(data).to_bytes(2, "big") + data))
        stream += 2
print(json.dumps({"port": {"streams": (stream - 1_000_001) // 2}}), flush=True)
if TARGETS:
    # Whatever goes where it should not has arrived by then.
    time.sleep(2)
if VIOLATION == "garbage":
    write(fd, os.urandom(4096))
elif VIOLATION:
    write(fd, frame(1, 5, stream, b"".join(field(*one) for one in json.loads(VIOLATION))))

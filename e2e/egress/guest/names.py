"""Names of all shapes, asked for and used. The allow list has api.test.example, *.wild.test.example and port.test.example:8443."""

from attack import attempt, get, https, query, report, say, tcp, tls

API = "api.test.example"


def with_host(name, host, connect=API):
    def run():
        return https(connect, get(host, f"/{name}", headers=[("X-Attempt", name)]), sni=connect)

    run.__name__ = name
    attempt(run)


def visit(name, host, port=443):
    def run():
        return https(host, get(host, f"/{name}", headers=[("X-Attempt", name)]), port=port)

    run.__name__ = name
    attempt(run)


visit("exact", API)
visit("upper_case", API.upper())
visit("trailing_dot", API + ".")
visit("prefixed", "notapi.test.example")
visit("suffixed", "api.test.example.evil.test.example")
visit("apex_of_wildcard", "wild.test.example")
visit("under_wildcard", "a.wild.test.example")
visit("deep_under_wildcard", "a.b.wild.test.example")
visit("not_under_wildcard", "notwild.test.example")
visit("other_port", "port.test.example")
visit("listed_port", "port.test.example", 8443)

with_host("host_upper", API.upper())
with_host("host_dot", API + ".")
with_host("host_two_dots", API + "..")
with_host("host_leading_dot", "." + API)
with_host("host_port", API + ":443")
with_host("host_other_port", API + ":8443")
with_host("host_port_zero", API + ":0")
with_host("host_port_leading_zeros", API + ":00000443")
with_host("host_port_overflow", API + ":65979")
with_host("host_port_negative", API + ":-443")
with_host("host_port_space", API + ": 443")
with_host("host_port_empty", API + ":")
with_host("host_two_ports", API + ":443:443")
with_host("host_user", "evil.test.example@" + API)
with_host("host_user_reverse", API + "@evil.test.example")
with_host("host_user_password", API + ":443@evil.test.example")
with_host("host_backslash", "evil.test.example\\." + API)
with_host("host_slash", "evil.test.example/." + API)
with_host("host_hash", "evil.test.example#." + API)
with_host("host_question", "evil.test.example?." + API)
with_host("host_percent", "evil.test.example%2f." + API)
with_host("host_nul", "evil.test.example\0." + API)
with_host("host_tab", API + "\tevil.test.example")
with_host("host_comma", API + ",evil.test.example")
with_host("host_idn", "\xe4pi.test.example")
with_host("host_fullwidth", "\xef\xbd\x81pi.test.example")
with_host("host_ideographic_dot", "api\xe3\x80\x82test.example")
with_host("host_loopback", "127.0.0.1")
with_host("host_decimal", "2130706433")
with_host("host_octal", "0177.0.0.1")
with_host("host_hex", "0x7f.0.0.1")
with_host("host_short", "127.1")
with_host("host_mapped", "[::ffff:127.0.0.1]")
with_host("host_mapped_hex", "[::ffff:7f00:1]")
with_host("host_v6", "[::1]")
with_host("host_v6_bare", "::1")
with_host("host_zone", "[fe80::1%25eth0]")
with_host("host_bracketed_name", "[" + API + "]")


def asked(name, labels=None, text=None):
    """Asks for a name that need not be one, and goes where the answer leads."""

    def run():
        answer = query(text or "", labels=labels)
        addresses = [record["data"] for record in answer["records"] if record["type"] == 1]
        if not addresses:
            return {"error": f"DNS {answer['code']}"}
        with tls(API, sock=tcp(addresses[0], 443, 5), sni=API) as sock:
            return {"address": addresses[0], **say(sock, get(API, f"/{name}", headers=[("X-Attempt", name)]))}

    run.__name__ = name
    attempt(run)


asked("asked_nul", [b"api\0", b"test", b"example"])
asked("asked_dot_in_label", [b"api.test", b"example"])
asked("asked_at", [b"evil@api", b"test", b"example"])
asked("asked_space", [b"api ", b"test", b"example"])
asked("asked_slash", [b"api/evil", b"test", b"example"])
asked("asked_idn", ["äpi".encode(), b"test", b"example"])
asked("asked_fullwidth", ["ａpi".encode(), b"test", b"example"])
asked("asked_decimal", [b"2130706433"])
asked("asked_hex", [b"0x7f000001"])
asked("asked_hex_dotted", [b"0x7f", b"1"])
asked("asked_octal", [b"0177", b"0", b"0", b"1"])
asked("asked_loopback", [b"127", b"0", b"0", b"1"])
asked("asked_localhost", text="localhost")
asked("asked_sub_localhost", text="x.localhost")
asked("asked_single_label", text="api")
asked("asked_empty", [])
asked("asked_upper", text=API.upper())

report(threads=8)

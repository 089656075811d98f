"""Goes inwards. Arguments: a JSON object of names, each with what it resolves to; addresses of the host; ports that listen there."""

import json
import sys

from attack import attempt, failure, get, report, say, shell, tcp

NAMES, ADDRESSES, PORTS = (json.loads(text) for text in sys.argv[1:4])
# The guest's own loopback out of the way: 127.0.0.0/8 goes to tun0 like everything else.
shell(
    "sysctl -w net.ipv4.conf.all.route_localnet=1 net.ipv4.conf.tun0.route_localnet=1; ip rule add pref 0 lookup 100; ip rule del pref 0 lookup local; ip rule add pref 1000 lookup local; "
    "ip route add 127.0.0.0/8 dev tun0 table 100; ip route add 0.0.0.0/8 dev tun0 table 100; ip -6 rule add pref 0 lookup 100; ip -6 rule del pref 0 lookup local; ip -6 rule add pref 1000 lookup local; ip -6 route add ::1/128 dev tun0 table 100; "
    "ip -6 route add ::ffff:0:0/96 dev tun0 table 100; ip -6 route add 64:ff9b::/96 dev tun0 table 100; ip -6 route add fe80::/10 dev tun0 table 100"
)


def reach(host, port, times=1):
    outcomes = []
    for _ in range(times):
        try:
            with tcp(host, port, 2) as sock:
                sock.settimeout(4)
                outcomes.append(say(sock, get(f"{host}", "/inward", headers=[("X-Attempt", "inward")])))
        except Exception as error:
            outcomes.append(failure(error))
    return outcomes[0] if times == 1 else {"outcomes": outcomes}


for address in ADDRESSES:
    for port in PORTS:

        def by_address(address=address, port=port):
            return reach(address, port)

        by_address.__name__ = f"{address} {port}"
        attempt(by_address)

for name, times in NAMES.items():
    for port in PORTS:

        def by_name(name=name, port=port, times=times):
            return reach(name, port, times)

        by_name.__name__ = f"{name} {port}"
        attempt(by_name)


@attempt
def redirected():
    return shell("curl -sS -L -m 5 -o /dev/null -w '%{http_code} %{num_redirects}' https://redirect.test.example/to")


@attempt
def metadata_by_name():
    return shell(
        "curl -sS -m 5 http://metadata.google.internal/computeMetadata/v1/ -H 'Metadata-Flavor: Google' -w ' %{http_code}'"
    )


report(threads=8)

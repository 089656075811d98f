"""Uses up what can be used up. The argument names the attempt; each is run alone."""

import concurrent.futures
import json
import os
import resource
import socket
import struct
import sys
import threading
import time

from attack import as_bytes, failure, get, https, plain, shell, tcp, tls

API, SINK, EVIL = "api.test.example", "sink.test.example", "evil.test.example"
resource.setrlimit(resource.RLIMIT_NOFILE, (20_000, 20_000))


def hold(count, open_one, seconds, threads=4):
    """Opens many connections and keeps them; tells how many there were, and which errors."""
    held, errors, end = [], {}, time.time() + seconds

    def try_one(_):
        if time.time() > end:
            return
        try:
            held.append(open_one())
        except Exception as error:
            name = failure(error)["error"]
            errors[name] = errors.get(name, 0) + 1

    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        list(pool.map(try_one, range(count)))
    print(json.dumps({"held": len(held), "errors": errors}), flush=True)
    sys.stdin.readline()
    return held


def connections():
    """Raw ones: each has a byte on its way, so that it is dialled."""
    address = socket.getaddrinfo(SINK, 7000, socket.AF_INET, socket.SOCK_STREAM)[0][4]

    def one():
        sock = socket.socket()
        sock.settimeout(20)
        sock.connect(address)
        sock.send(b"x")
        return sock

    hold(2_050, one, 95)


def slow_headers():
    def one():
        sock = tcp(API, 80)
        sock.sendall(b"GET / HTTP/1.1\r\nHost: " + API.encode() + b"\r\nX-Slow: ")
        return sock

    hold(100, one, 30)


def unread_answers():
    """Endless answers that nobody reads."""

    def one():
        sock = tls(API)
        sock.sendall(get(API, "/endless"))
        return sock

    hold(20, one, 30)


def endless_bodies():
    """Endless requests to an upstream that does not read."""

    def push():
        try:
            with tls(API) as sock:
                sock.sendall(as_bytes(f"POST /ignored HTTP/1.1\r\nHost: {API}\r\nTransfer-Encoding: chunked\r\n\r\n"))
                sock.settimeout(4)
                chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
                while True:
                    sock.sendall(chunk)
        except OSError:
            pass

    threads = [threading.Thread(target=push) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    print(json.dumps({"ended": sum(not thread.is_alive() for thread in threads)}), flush=True)
    os._exit(0)


def endless_headers():
    with tls(API) as sock:
        sent = 0
        sock.sendall(get(API, "/")[:-2])
        try:
            while sent < 50_000_000:
                sock.sendall(b"X-Endless: " + b"a" * 1000 + b"\r\n")
                sent += 1013
        except OSError:
            pass
        print(json.dumps({"sent": sent}), flush=True)


def denied_flood():
    """Each refusal is an event that must be kept."""
    statuses = {}
    lock = threading.Lock()

    def many():
        for index in range(50):
            try:
                status = plain(EVIL, get(EVIL, f"/flood/{index}"))["status"]
            except Exception as error:
                status = failure(error)["error"]
            with lock:
                statuses[status] = statuses.get(status, 0) + 1

    threads = [threading.Thread(target=many) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(40)
    print(json.dumps({"statuses": statuses}), flush=True)
    os._exit(0)


def many_names():
    """Every name gets an address: there are only so many."""
    server = next(line.split()[1] for line in open("/etc/resolv.conf") if line.startswith("nameserver"))
    answered = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect((server, 53))
        sock.settimeout(2)
        for index in range(3_000):
            question = b"\7a%06d\4many\7example\0\0\1\0\1" % index
            try:
                sock.send(struct.pack(">HHHHHH", index & 0xFFFF, 0x0100, 1, 0, 0, 0) + question)
                if index % 50 == 49:
                    sock.recv(512)
                    answered += 1
            except OSError:
                pass
    print(json.dumps({"answered": answered}), flush=True)


def fork_bomb():
    """Processes that all want a connection."""
    for _ in range(12):
        if os.fork() == 0:
            end = time.time() + 4
            while time.time() < end:
                try:
                    os.fork()
                    tcp(SINK, 7000, 1)
                except OSError:
                    time.sleep(0.01)
            os._exit(0)
    time.sleep(5)
    print(json.dumps({"done": True}), flush=True)


def clock():
    """The guest's idea of time is the guest's."""
    outcomes = []
    for when in ("2040-01-01", "1999-01-01"):
        shell(f"date -s {when}")
        outcomes.append(https(API, get(API, "/clock"))["status"])
    print(json.dumps({"statuses": outcomes}), flush=True)


globals()[sys.argv[1]]()

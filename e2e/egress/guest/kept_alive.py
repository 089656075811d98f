"""A request, and another on the same connection when a file named `go` appears."""

import os
import sys
import time

from attack import Answers, get, tls

host = sys.argv[1]
with tls(host) as sock:
    answers = Answers(sock)
    sock.sendall(get(host, "/first"))
    print("first", answers.next()["status"], flush=True)
    while not os.path.exists("/home/app/go"):
        time.sleep(0.02)
    try:
        sock.sendall(get(host, "/second"))
        print(answers.next()["status"])
    except Exception as error:
        print("ended", type(error).__name__)

"""Requests one at a time, as lines on standard input ask for them: a word for the step, `close` or `new` for the connection."""

import json
import sys

from attack import Answers, failure, get, tls

HOST, NAME = sys.argv[1:3]
sock = answers = None
for line in sys.stdin:
    step, key, *how = line.split()
    try:
        if sock is None or "new" in how:
            sock = tls(HOST)
            answers = Answers(sock)
        sock.sendall(get(HOST, f"/{step}", headers=[("X-Step", step), ("Authorization", f"Bearer {key}")]))
        print(json.dumps(answers.next()), flush=True)
    except Exception as error:
        sock = None
        print(json.dumps(failure(error)), flush=True)

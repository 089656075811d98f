"""The official Python client: opens a sandbox to SSH, and OpenSSH's client (with these options) logs in."""

import subprocess
import sys

from deno_sandbox import DenoDeploy

with DenoDeploy().sandbox.create(ssh=True) as sandbox:
    access = sandbox.expose_ssh()
    where = ["-p", str(access["port"]), f"{access['username']}@{access['hostname']}"]
    command = ["ssh", *sys.argv[1:], *where, "echo $SANDBOX_ID"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert printed == f"{sandbox.id}\n", printed
    print(sandbox.id, "logged in")

"""The official Python client: exposes a port, and prints the address."""

from deno_sandbox import DenoDeploy

with DenoDeploy().sandbox.create() as sandbox:
    url = sandbox.expose_http(port=8000)
    assert url.startswith("https://") and ".localhost:" in url, url
    print(url)

import os
import sys

import httpx

headers = {"Authorization": f"Bearer {os.environ['API_TOKEN']}"}
with httpx.Client(http2=True, headers=headers, timeout=30) as client:
    response = client.post(sys.argv[1], content=b"one two")
    response.raise_for_status()
    print(response.text)

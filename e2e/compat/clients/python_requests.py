import os
import sys

import requests

with requests.Session() as session:
    session.headers["Authorization"] = f"Bearer {os.environ['API_TOKEN']}"
    response = session.post(sys.argv[1], data="one two", timeout=30)
    response.raise_for_status()
    print(response.text)

import os
import sys
import urllib.request

request = urllib.request.Request(sys.argv[1], headers={"Authorization": f"Bearer {os.environ['API_TOKEN']}"})
with urllib.request.urlopen(request, timeout=30) as response:
    print(response.read().decode())

import json
import os

from websockets.sync.client import connect

headers = {"Authorization": f"Bearer {os.environ['WS_TOKEN']}"}
with connect("wss://ws.example.com/", additional_headers=headers) as socket:
    socket.send("text")
    text = socket.recv(timeout=30)
    socket.send(b"\x07" * 300_000)
    binary = socket.recv(timeout=30)
    print(json.dumps({"text": text, "bytes": len(binary), "same": set(binary) == {7}}))

# With asyncio: the threads of websockets.sync read and write one TLS connection at the same time, at which Python 3.13's
# ssl module crashes or hangs now and then (python/cpython#151508), whatever is at the other end.
import asyncio
import json
import os

from websockets.asyncio.client import connect


async def main():
    headers = {"Authorization": f"Bearer {os.environ['WS_TOKEN']}"}
    async with asyncio.timeout(45), connect("wss://ws.example.com/", additional_headers=headers) as socket:
        await socket.send("text")
        text = await socket.recv()
        await socket.send(b"\x07" * 300_000)
        binary = await socket.recv()
        print(json.dumps({"text": text, "bytes": len(binary), "same": set(binary) == {7}}))


asyncio.run(main())

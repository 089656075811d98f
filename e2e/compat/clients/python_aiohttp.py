import asyncio
import os
import sys

import aiohttp


async def main() -> None:
    headers = {"Authorization": f"Bearer {os.environ['API_TOKEN']}"}
    async with aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(30)) as session:
        async with session.post(sys.argv[1], data=b"one two") as response:
            response.raise_for_status()
            print(await response.text())


asyncio.run(main())

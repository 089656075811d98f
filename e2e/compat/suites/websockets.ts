import assert from "node:assert/strict";
import { before, test } from "node:test";
import type { World } from "../world.ts";

export default function websockets(world: () => World): void {
  before(() => world().tools.python());

  const clients = {
    "node's global WebSocket": "node clients/websocket.mjs",
    "Python's websockets": "python clients/python_websockets.py",
  };
  for (const [name, command] of Object.entries(clients)) {
    test(name, async () => {
      const { guest, upstreams } = world();
      const answer = JSON.parse(await guest.run(command)) as unknown;
      assert.deepEqual(answer, { text: "text", bytes: 300_000, same: true });
      assert.equal(upstreams.ws.granted().length, 1);
    });
  }
}

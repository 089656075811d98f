import assert from "node:assert/strict";
import { before, test } from "node:test";
import type { World } from "../world.ts";

/** `UNAUTHENTICATED` among gRPC's status codes. */
const UNAUTHENTICATED = 16;

export default function grpc(world: () => World): void {
  before(() => Promise.all([world().tools.node(), world().tools.python()]));

  const clients = { "@grpc/grpc-js": "node clients/grpc.mjs", "Python's grpcio": "python clients/python_grpc.py" };
  for (const [name, command] of Object.entries(clients)) {
    test(`${name}: unary and streaming calls, with metadata, trailers and a status that is an error`, async () => {
      const answer = JSON.parse(await world().guest.run(command)) as unknown;
      assert.deepEqual(answer, {
        answer: { greeting: "hello sandbox" },
        trailer: "test",
        chat: [1, 2, 3],
        refusal: UNAUTHENTICATED,
      });
    });
  }
}

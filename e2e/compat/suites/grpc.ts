import assert from "node:assert/strict";
import { before, test } from "node:test";
import type { World } from "../world.ts";

/** `UNAUTHENTICATED` among gRPC's status codes. */
const UNAUTHENTICATED = 16;

export default function grpc(world: () => World): void {
  before(() => world().tools.node());

  test("unary and streaming calls, with metadata, trailers and a status that is an error", async () => {
    const answer = JSON.parse(await world().guest.run("node clients/grpc.mjs")) as unknown;
    assert.deepEqual(answer, { answer: { greeting: "hello sandbox" }, trailer: "test", chat: [1, 2, 3], refusal: UNAUTHENTICATED });
  });
}

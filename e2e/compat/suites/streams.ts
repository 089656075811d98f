import assert from "node:assert/strict";
import { before, test } from "node:test";
import { TOKENS } from "../servers/tokens.ts";
import type { World } from "../world.ts";

/** Responses that arrive in pieces: each must arrive before the upstream sends the next. */
export default function streams(world: () => World): void {
  before(() => world().tools.node());

  for (const name of ["openai", "anthropic"] as const) {
    test(`${name}: tokens arrive one by one`, async () => {
      const { guest, upstreams } = world();
      const model = upstreams[name];
      const tokens: unknown[] = [];
      await guest.follow(`node clients/${name}.mjs`, (line) => {
        tokens.push(JSON.parse(line));
        model.gate.open();
      });
      assert.deepEqual(tokens, TOKENS);
      assert.equal(model.granted().length, 1);
    });
  }

  test("curl shows server-sent events as they come", async () => {
    const { guest, upstreams } = world();
    const { gate } = upstreams.openai;
    let events = 0;
    const url = "https://api.openai.com/v1/chat/completions";
    await guest.follow(
      `curl -sSfN ${url} -H "Authorization: Bearer $OPENAI_API_KEY" --json '{"stream": true}'`,
      (line) => {
        if (!line.startsWith("data: {")) return;
        events++;
        gate.open();
      },
    );
    assert.equal(events, TOKENS.length + 1);
  });
}

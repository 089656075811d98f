import assert from "node:assert/strict";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { after, test } from "node:test";
import { Api } from "../client/api.ts";
import { CliError } from "../errors.ts";
import { follow, MAX_EVENT_LENGTH } from "./follow.ts";

async function serve(handler: RequestListener): Promise<Api> {
  const server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  after(() => server.close());
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return new Api({ sandboxEndpoint: origin, apiEndpoint: origin, token: "ddo_secret", caFile: null });
}

test("events are followed across the end of a stream, from the last one seen", async () => {
  const asked: (string | null)[] = [];
  const api = await serve((request, response) => {
    asked.push(new URL(request.url!, "http://x").searchParams.get("after"));
    response.write(": follows\n\n");
    // Cut anywhere, also within a character.
    const message = Buffer.from(
      `id: evt_${asked.length}\ndata: ${JSON.stringify({ id: `evt_${asked.length}`, kind: "ü" })}\n\n`,
    );
    for (const byte of message) response.write(Buffer.of(byte));
    if (asked.length < 3) response.end();
    else process.kill(process.pid, "SIGINT");
  });
  const seen: unknown[] = [];
  await follow(api, new URLSearchParams(), undefined, (event) => seen.push([event.id, event.kind]));
  assert.deepEqual(asked, [null, "evt_1", "evt_2"]);
  assert.deepEqual(seen.slice(0, 2), [
    ["evt_1", "ü"],
    ["evt_2", "ü"],
  ]);
});

test("an event that does not end is refused, and the stream is closed", async () => {
  let sent = 0;
  const closed = Promise.withResolvers<void>();
  const api = await serve((_, response) => {
    response.once("close", closed.resolve);
    const more = () => {
      while (!response.destroyed) {
        sent += 65_536;
        if (!response.write("x".repeat(65_536))) return void response.once("drain", more);
      }
    };
    response.write("data: ");
    more();
  });
  await assert.rejects(
    follow(api, new URLSearchParams(), undefined, () => {}),
    (error) => error instanceof CliError && error.code === "INVALID_EVENT",
  );
  await closed.promise;
  assert.ok(sent < 4 * MAX_EVENT_LENGTH, `${sent} bytes were sent`);
});

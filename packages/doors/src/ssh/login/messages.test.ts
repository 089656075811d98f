import assert from "node:assert/strict";
import { test } from "node:test";
import { filterMessages, isOfLogin, isOfServer } from "./messages.ts";

test("only what leads to a login is part of one", () => {
  const all = Array.from({ length: 256 }, (_, type) => type);
  const keyExchange = all.slice(30, 50);
  assert.deepEqual(all.filter(isOfLogin), [1, 2, 3, 4, 5, 7, 20, 21, ...keyExchange, 50]);
});

test("requests of servers are told from those of clients", () => {
  const request = (name: string) => Buffer.concat([Buffer.from([80, 0, 0, 0, name.length]), Buffer.from(name)]);
  assert.deepEqual(
    ["hostkeys-00@openssh.com", "hostkeys-prove-00@openssh.com", "x"].map((name) => isOfServer(request(name))),
    [true, false, false],
  );
});

test("messages that are not allowed do not arrive, nor do empty ones", () => {
  const seen: number[] = [];
  const client = { _protocol: { _onPayload: (payload: Buffer) => void seen.push(payload[0]!) } };
  filterMessages(client, ([type]) => type !== 61);
  for (const payload of [[50], [61, 1, 255], [], [90]]) client._protocol._onPayload(Buffer.from(payload));
  assert.deepEqual(seen, [50, 90]);
});

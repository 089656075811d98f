import assert from "node:assert/strict";
import { test } from "node:test";
import { answer, ask } from "./hybrid-secret.ts";

test("both sides get the same secret, a new one each time", () => {
  const client = ask();
  const first = answer(client.message);
  const second = answer(client.message);
  assert.deepEqual(client.secret(first.reply), first.secret);
  assert.equal(first.secret.length, 32);
  assert.notDeepEqual(first.secret, second.secret);
  assert.equal(client.message.length, 1184 + 32);
  assert.equal(first.reply.length, 1088 + 32);
});

test("a message of the wrong length is refused", () => {
  const { message } = ask();
  for (const wrong of [message.subarray(1), Buffer.alloc(0), Buffer.concat([message, Buffer.alloc(1)])])
    assert.throws(() => answer(wrong), /bytes instead of 1216/);
});

test("a public key of X25519 with a known secret is refused", () => {
  const { message } = ask();
  message.fill(0, 1184);
  assert.throws(() => answer(message));
});

test("a key of ML-KEM that is none is refused", () => {
  const { message } = ask();
  // Coefficients above the modulus (FIPS 203 section 7.2).
  message.fill(0xff, 0, 1152);
  assert.throws(() => answer(message));
});

test("a changed answer leads to another secret", () => {
  const client = ask();
  const { reply, secret } = answer(client.message);
  reply[0]! ^= 1;
  assert.notDeepEqual(client.secret(reply), secret);
});

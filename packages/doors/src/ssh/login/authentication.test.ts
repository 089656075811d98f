import assert from "node:assert/strict";
import { test } from "node:test";
import { isAuthorizedKey } from "../server.ts";

/** A line as in `authorized_keys`, with what a key of this type consists of. */
function line(type: string, ...parts: Buffer[]): string {
  const blob = [Buffer.from(type), ...parts].flatMap((part) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(part.length);
    return [length, part];
  });
  return `${type} ${Buffer.concat(blob).toString("base64")}`;
}

const number = Buffer.alloc(128, 1);

test("a key that a door asks for has a type that is safe today", async () => {
  assert.equal(await isAuthorizedKey(line("ssh-ed25519", Buffer.alloc(32, 1))), true);
  assert.equal(await isAuthorizedKey(line("ssh-rsa", Buffer.from([3]), number)), true);
  assert.equal(await isAuthorizedKey(line("ssh-dss", number, Buffer.alloc(20, 1), number, number)), false);
  for (const text of ["", "nonsense", "ssh-ed25519", "ssh-ed25519 AAAA", 'command="true" ssh-ed25519 AAAA'])
    assert.equal(await isAuthorizedKey(text), false, text);
});

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";
import { sha256 } from "../../harness/bytes.ts";
import type { World } from "../world.ts";

/** OpenSSH at an allowed host and port: the server speaks first, and its key is checked. */
export default function ssh(world: () => World): void {
  before(async () => {
    const {
      guest,
      upstreams: { ssh },
    } = world();
    await guest.run("mkdir -m 700 -p .ssh");
    await guest.upload(ssh.keyFile, ".ssh/id_ed25519");
    await guest.sandbox.fs.writeTextFile(".ssh/known_hosts", `${ssh.knownHost}\n`);
  });

  const options = "-o BatchMode=yes -o StrictHostKeyChecking=yes";

  test("ssh runs a command", async () => {
    const {
      guest,
      upstreams: { ssh },
    } = world();
    assert.equal(await guest.run(`ssh ${options} ${ssh.user}@${ssh.host} echo ok`), "ok\n");
  });

  test("scp copies a file there and back", async () => {
    const {
      guest,
      upstreams: { ssh },
    } = world();
    await guest.run(`
      head -c 3000000 /dev/urandom > copied.bin
      scp -q ${options} copied.bin ${ssh.user}@${ssh.host}:there.bin
      scp -q ${options} ${ssh.user}@${ssh.host}:there.bin back.bin
      cmp copied.bin back.bin
    `);
    const [digest] = (await guest.run("sha256sum copied.bin")).split(" ");
    assert.equal(sha256(await readFile(join(ssh.home, "there.bin"))), digest);
  });
}

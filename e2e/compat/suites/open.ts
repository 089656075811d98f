import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Guest } from "../guest.ts";
import { GIT_USER } from "../servers/git.ts";
import type { Answer } from "../servers/web.ts";
import { createGuest, type World } from "../world.ts";

const URL = "https://api.example.com/whoami";

/** Without an allow list: names resolve as usual, and TLS is intercepted only for hosts with secrets. */
export default function open(world: () => World): void {
  let guest: Guest;
  before(async () => {
    guest = await createGuest(world().upstreams);
  });
  after(() => guest?.[Symbol.asyncDispose]());

  const programs = {
    curl: `curl -sSf -H "Authorization: Bearer $API_TOKEN" ${URL}`,
    "node's fetch": `node clients/node-fetch.mjs ${URL}`,
    "Python's urllib": `python clients/python_urllib.py ${URL}`,
  };
  for (const [name, command] of Object.entries(programs)) {
    test(name, async () => {
      const { method } = JSON.parse(await guest.run(command)) as Answer;
      assert.ok(["GET", "POST"].includes(method));
      assert.equal(world().upstreams.web.granted().length, 1);
    });
  }

  test("git", async () => {
    assert.match(
      await guest.run(`git ls-remote https://${GIT_USER}:$GIT_PASSWORD@git.example.com/demo.git`),
      /refs\/heads\/main/,
    );
  });

  test("ssh", async () => {
    const { ssh } = world().upstreams;
    await guest.upload(ssh.keyFile, "key");
    await guest.sandbox.fs.writeTextFile("known_hosts", `${ssh.knownHost}\n`);
    assert.equal(
      await guest.run(
        `chmod 600 key; ssh -i key -o UserKnownHostsFile=known_hosts -o BatchMode=yes ${ssh.user}@${ssh.host} echo ok`,
      ),
      "ok\n",
    );
  });
}

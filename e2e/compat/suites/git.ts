import assert from "node:assert/strict";
import { test } from "node:test";
import { GIT_USER } from "../servers/git.ts";
import type { World } from "../world.ts";

/** More than git sends in one piece (`http.postBuffer`): larger content is sent chunked. */
const PUSHED_BYTES = 3 * 1024 * 1024;

export default function git(world: () => World): void {
  test("clones and pushes over HTTPS, the secret as password", async () => {
    const { guest, upstreams } = world();
    await guest.run(`git clone --quiet https://${GIT_USER}:$GIT_PASSWORD@git.example.com/demo.git demo`);
    assert.equal(await guest.run("cat demo/greeting.txt"), "hello from git\n");
    await guest.run(`
      cd demo
      git config user.name Robot
      git config user.email robot@example.com
      head -c ${PUSHED_BYTES} /dev/urandom > large.bin
      echo "hello from the sandbox" > answer.txt
      git add .
      git commit --quiet -m Answer
      git push --quiet origin main
    `);
    assert.equal(await upstreams.git.show("answer.txt"), "hello from the sandbox\n");
    assert.ok(
      upstreams.git.upstream
        .granted()
        .some(({ method, path }) => method === "POST" && path.endsWith("/git-receive-pack")),
    );
  });

  test("asks a credential helper for the secret", async () => {
    const { guest } = world();
    const helper = `!f() { echo username=${GIT_USER}; echo "password=$GIT_PASSWORD"; }; f`;
    assert.match(
      await guest.run(`git -c credential.helper='${helper}' ls-remote https://git.example.com/demo.git`),
      /refs\/heads\/main/,
    );
  });
}

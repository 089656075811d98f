import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { runProgram } from "../../program.ts";
import { addProgram } from "../../testing/programs.ts";
import { recordedStreams } from "../../testing/streams.ts";
import { temporaryDirectory } from "../../testing/temporary-directory.ts";
import { root } from "../../tree/root.ts";

const ID = "sbx_ord_1at5nn58e77rtd11e3k3";
const USERNAME = "a-name-that-only-we-know";
const HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB1e1f0l1q8VZQ2r0h4W6wU1Gm2vQ0m5s8c3ZrY0m9nX";
const access = { hostname: "127.0.0.1", port: 7722, username: USERNAME, hostKey: HOST_KEY, fingerprint: "SHA256:x" };

const dir = temporaryDirectory();
const server = createServer((request, response) =>
  response.end(JSON.stringify(request.method === "POST" ? access : [])),
);
const { PATH, TMPDIR } = process.env;
before(async () => {
  // A folder whose name OpenSSH could misread.
  const scratch = join(dir, "a folder%h");
  mkdirSync(scratch);
  addProgram(dir, "ssh", `echo "$@" > '${dir}/args'\nPATH='${PATH}' exec ssh -G "$@" > '${dir}/resolved'`);
  Object.assign(process.env, { PATH: `${dir}:${PATH}`, TMPDIR: scratch });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
after(() => {
  process.env.PATH = PATH;
  if (TMPDIR === undefined) delete process.env.TMPDIR;
  else process.env.TMPDIR = TMPDIR;
  server.close();
});

test("the user name, which lets everybody in who knows it, is not among the arguments of ssh", async () => {
  const recorded = recordedStreams({ tty: false });
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const streams = { ...recorded.streams, stdin: Object.assign(recorded.stdin, { isTTY: false }) };
  await runProgram(root, ["ssh", ID, "--endpoint", endpoint, "--token", "t", "--", "echo", "hello"], {
    streams,
    env: {},
    version: "1",
  });
  const args = readFileSync(join(dir, "args"), "utf8");
  assert.match(args, new RegExp(`${ID} echo hello\n$`));
  assert.ok(!args.includes(USERNAME));
  const resolved = readFileSync(join(dir, "resolved"), "utf8");
  for (const line of [`user ${USERNAME}`, "hostname 127.0.0.1", "port 7722", `hostkeyalias ${ID}`])
    assert.match(resolved, new RegExp(`^${line}$`, "m"));
  assert.match(resolved, /^userknownhostsfile "?\S.*a folder%%?h\/sandkeep-ssh-\w+\/known_hosts"?$/m);
});

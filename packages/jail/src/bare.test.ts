/** A jail with nothing but a program's own code, which the program's user cannot read. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { after, test } from "node:test";
import { withOnly } from "./close-others.ts";
import { REPORT_FD } from "./jail.ts";
import { openJail } from "./open-jail.ts";
import { seccompFilter } from "./seccomp/filter.ts";
import { PROXY_USERS } from "./users.ts";

const dir = mkdtempSync(join(tmpdir(), "sk-bare-"));
after(() => rmSync(dir, { recursive: true }));
const FIRST = 4;

for (const kind of ["full", "minimal"] as const) {
  test(`in the ${kind} jail, a program loads code that only root can read, and then becomes its user for good`, {
    skip: process.getuid!() !== 0 && "only root can become another user",
  }, async () => {
    const code = join(dir, "code");
    if (!existsSync(code)) {
      mkdirSync(code);
      writeFileSync(join(code, "part.mjs"), "export const word = 'loaded';", { mode: 0o600 });
      writeFileSync(
        join(code, "main.mjs"),
        `import { readFileSync } from "node:fs";
         import { word } from "./part.mjs";
         const [uid] = process.argv.slice(2).map(Number);
         process.setgroups([]); process.setgid(uid); process.setuid(uid);
         const tried = (attempt) => { try { attempt(); return "did"; } catch (error) { return error.code; } };
         console.log(JSON.stringify([word, process.getuid(), tried(() => process.setuid(0)), tried(() => readFileSync(new URL("part.mjs", import.meta.url)))]));`,
        { mode: 0o600 },
      );
      chmodSync(code, 0o700);
    }
    const user = PROXY_USERS.take()!;
    await using jail = await openJail(kind, {
      files: {
        writable: [],
        readable: [],
        code: ["/usr", process.execPath, code],
        links: { "/lib": "usr/lib", "/lib64": "usr/lib64" },
      },
      user,
      system: "bare",
      network: "host",
      becomesUserItself: true,
      environment: { OPENSSL_CONF: "/dev/null" },
      fileBytes: 0,
      filter: seccompFilter(),
      firstDescriptor: FIRST,
    });
    const kept = [...jail.descriptors, ...jail.inputs].map((_, index) => FIRST + index);
    const command = jail.wrap([process.execPath, join(code, "main.mjs"), String(user.uid)]);
    const [file, ...args] = withOnly(jail.reportsPid ? [REPORT_FD, ...kept] : kept, command);
    const child = spawn(file!, args, {
      stdio: ["ignore", "pipe", "inherit", "pipe", ...jail.descriptors, ...jail.inputs.map(() => "pipe" as const)],
    });
    for (const [index, input] of jail.inputs.entries()) (child.stdio[FIRST + index] as Writable).end(input);
    (child.stdio[REPORT_FD] as NodeJS.ReadableStream).resume();
    const said = JSON.parse(await text(child.stdout!)) as unknown;
    assert.deepEqual(said, ["loaded", user.uid, "EPERM", "EACCES"]);
    PROXY_USERS.release(user.uid);
  });
}

/**
 * What people do on their first day with a machine, and which CAs it trusts without configuration: in one sandbox,
 * created without egress options.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Sandbox } from "sandkeep";
import { Arena } from "../egress/fixture/arena.ts";
import claudeRoot from "./claude-root.ts";
import { GIVEN, HABITS, SECRET } from "./habits.ts";

/** A name that the server knows, with a certificate from a CA that is only in `egress.caFiles`. */
const WEB = "internal.test.example";
/**
 * Time limit for one line, in milliseconds: npm takes 10 s under emulation, and ten times as long beside other work.
 */
const LINE_TIMEOUT_MS = 180_000;

let arena: Arena;
let sandbox: Sandbox;
before(async () => {
  arena = await Arena.open({ upstreams: { [WEB]: { alpn: ["http/1.1"] } } });
  sandbox = await Sandbox.create({
    env: GIVEN,
    secrets: { [SECRET]: { hosts: ["other.test.example"], value: arena.value } },
  });
});
after(async () => {
  await sandbox?.close();
  await arena?.[Symbol.asyncDispose]();
});

/** Runs a line of bash in the home directory; returns everything it printed. */
async function printed(line: string): Promise<string> {
  const child = await sandbox.spawn("bash", {
    args: ["-c", `exec 2>&1; ${line}`],
    stdin: "null",
    stdout: "piped",
    signal: AbortSignal.timeout(LINE_TIMEOUT_MS),
  });
  return ((await child.output()).stdoutText ?? "").trimEnd();
}

// In parallel: a machine has two processors, and the groups of habits are independent.
describe("habits", { concurrency: 2 }, () => {
  for (const [title, habits] of Object.entries(HABITS)) {
    test(title, async () => {
      const wrong: string[] = [];
      for (const [line, expected] of habits) {
        const actual = await printed(line);
        if (typeof expected === "string" ? actual !== expected : !expected.test(actual))
          wrong.push(`${line}\n  printed  ${actual}\n  expected ${expected}`);
      }
      assert.equal(wrong.join("\n"), "");
    });
  }
});

describe("authorities of the installation are trusted without an allow list", { concurrency: 2 }, () => {
  const url = `https://${WEB}/`;
  const fetching = `fetch("${url}").then((answer) => answer.text()).then(console.log)`;
  const programs: Record<string, string> = {
    curl: `curl -sS ${url}`,
    "node with an empty environment": `env -i node -e '${fetching}'`,
    "deno with an empty environment": `env -i HOME=/tmp deno eval '${fetching}'`,
    "python with an empty environment": `env -i python -c 'import urllib.request as u; print(u.urlopen("${url}").read().decode())'`,
    openssl: `openssl s_client -connect ${WEB}:443 -servername ${WEB} -verify_return_error < /dev/null 2> /dev/null | grep -m1 -c 'Verify return code: 0'`,
    "curl, after update-ca-certificates": `sudo update-ca-certificates > /dev/null 2>&1; curl -sS ${url}`,
  };
  for (const [name, line] of Object.entries(programs)) {
    test(name, async () => assert.match(await printed(line), /^(ok|1)$/));
  }
});

test("sudo of the SDK covers the whole line, and keeps what the call and the sandbox have set", async () => {
  const command = sandbox.sh`id -un && echo "$CALL" "$FROM_SANDBOX" | cat > /root/by-root && cat /root/by-root`
    .env("CALL", "a 'call'")
    .sudo();
  assert.equal(await command.text(), `root\na 'call' ${GIVEN.FROM_SANDBOX}\n`);
});

claudeRoot();

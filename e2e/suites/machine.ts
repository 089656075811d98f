import assert from "node:assert/strict";
import { test } from "node:test";
import { failsWith } from "../harness/errors.ts";
import type { Sdk } from "../harness/sdk.ts";
import { sharedSandbox } from "../harness/shared.ts";

/** What a program finds inside a sandbox. */
export default function machine(sdk: Sdk): void {
  const sandbox = sharedSandbox(sdk);
  const text = async (strings: TemplateStringsArray, ...values: unknown[]) =>
    (
      await sandbox()
        .sh(strings, ...values)
        .text()
    ).trim();

  test("is a Debian 13 with a kernel of its own", async () => {
    assert.match(await text`cat /etc/os-release`, /VERSION_ID="13"/);
    assert.match(await text`uname -sr`, /^Linux /);
  });

  test("belongs to the user app, who may become root", async () => {
    assert.equal(await text`id -un; echo $HOME; pwd`, "app\n/home/app\n/home/app");
    assert.equal(await text`sudo -n id -u`, "0");
    assert.equal(await text`touch /app/file && echo writable`, "writable");
  });

  test("has the tools that people expect", async () => {
    const tools = "bash curl git python3 pip3 deno node npm npx sudo ssh sshd".split(" ");
    assert.equal(
      await text`export PATH=$PATH:/usr/sbin; for tool in ${tools}; do command -v $tool >/dev/null || echo "no $tool"; done`,
      "",
    );
    assert.match(await text`node --version; python3 --version`, /^v\d+\.[\s\S]*Python 3\./);
    assert.equal(await text`python3 -m venv --help >/dev/null && echo venv`, "venv");
  });

  test("speaks UTF-8", async () => {
    assert.equal(await text`printf ä | wc -m`, "1");
  });

  test("has a disk of about 10 GB and knows what time it is", async () => {
    const kib = Number(await text`df --output=size / | tail -1`);
    assert.ok(kib > 8e6 && kib < 12e6, `${kib} KiB`);
    assert.ok(Math.abs(Number(await text`date +%s`) - Date.now() / 1000) < 5);
  });

  test("reaps what its processes leave behind", async () => {
    await sandbox().sh`bash -c 'true & exec true'; bash -c '(sleep 0.05 &) ; exit'; sleep 0.3`;
    assert.equal(await text`ps -eo stat= | grep -c Z || true`, "0");
  });

  test("survives the loss of its home directory, which may come back or become a link", async () => {
    const root = (script: string) =>
      sandbox()
        .spawn("sudo", { args: ["bash", "-c", script], cwd: "/", stdout: "piped", stderr: "piped" })
        .then((child) => child.output());
    await root("rm -rf /home/app");
    await failsWith(sdk, "ENOENT", "NotFound", sandbox().spawn("true"));
    await failsWith(sdk, "ENOENT", "NotFound", sandbox().fs.writeTextFile("note", "lost"));
    await assert.rejects(() => sandbox().fs.stat("."), /start at '\/home\/app'/);
    assert.equal((await root("pwd")).stdoutText, "/\n");

    await root("install -d -o app -g app /home/app");
    await sandbox().fs.writeTextFile("note", "kept");
    assert.equal(await text`pwd; cat note`, "/home/app\nkept");

    await root("mv /home/app /srv/app && ln -s /srv/app /home/app");
    assert.equal(await sandbox().fs.readTextFile("note"), "kept");
    assert.equal(await text`pwd -P; cat note`, "/srv/app\nkept");
    await using repl = await sandbox().deno.repl();
    assert.equal(await repl.eval("Deno.readTextFileSync('note')"), "kept");
  });
}

import assert from "node:assert/strict";
import { test } from "node:test";
import { sha256, testBytes } from "../harness/bytes.ts";
import type { Sdk } from "../harness/sdk.ts";

/** Several sandboxes and several connections at the same time. */
export default function sideBySide(sdk: Sdk): void {
  const { Sandbox } = sdk.module;

  test("streams of two sandboxes do not meet", async () => {
    await using one = await Sandbox.create();
    await using two = await Sandbox.create();
    const both = [one, two] as const;
    const outputs = await Promise.all(
      both.flatMap((sandbox, index) =>
        Array.from({ length: 10 }, async (_, n) => {
          const child = await sandbox.spawn("bash", {
            args: ["-c", `for i in 1 2 3 4 5; do echo ${index}-${n}-$i; done`],
            stdout: "piped",
          });
          return { index, n, text: (await child.output()).stdoutText };
        }),
      ),
    );
    for (const { index, n, text } of outputs)
      assert.equal(text, [1, 2, 3, 4, 5].map((i) => `${index}-${n}-${i}\n`).join(""));

    const files = await Promise.all(
      both.map(async (sandbox, index) => {
        const data = testBytes(3_000_000, index + 1);
        await sandbox.fs.writeFile(
          "data",
          ReadableStream.from([data.slice(0, 1_000_000), data.slice(1_000_000)]) as ReadableStream<Uint8Array>,
        );
        return { expected: sha256(data), found: sha256(await sandbox.fs.readFile("data")) };
      }),
    );
    for (const { expected, found } of files) assert.equal(found, expected);
  });

  test("sandboxes see nothing of each other, and are machines of their own", async () => {
    await using one = await Sandbox.create({ env: { WHO: "one" } });
    await using two = await Sandbox.create({ env: { WHO: "two" } });
    await one.fs.writeTextFile("/tmp/mine", "one's");
    await assert.rejects(() => two.fs.readTextFile("/tmp/mine"), { code: "ENOENT" });
    assert.deepEqual([await one.env.get("WHO"), await two.env.get("WHO")], ["one", "two"]);
    for (const path of [
      "/etc/machine-id",
      "/proc/sys/kernel/random/boot_id",
      "/proc/sys/kernel/hostname",
      "/proc/sys/kernel/random/uuid",
    ]) {
      const [a, b] = await Promise.all([one.fs.readTextFile(path), two.fs.readTextFile(path)]);
      // A clone keeps the boot id of its template: nothing can change it.
      if (!path.endsWith("boot_id")) assert.notEqual(a, b, path);
    }
    const random = (sandbox: typeof one) => sandbox.sh`head -c 32 /dev/urandom | sha256sum`.text();
    assert.notEqual(await random(one), await random(two));
  });

  test("two connections to a sandbox have files and processes in common, and handles of their own", async () => {
    await using first = await Sandbox.create();
    const second = await Sandbox.connect(first.id);
    const child = await first.spawn("sleep", { args: ["600"], stdout: "piped" });
    assert.equal((await second.sh`kill -0 ${child.pid}`.noThrow()).status.success, true);
    await using file = await first.fs.create("common");
    await file.write(new Uint8Array([1, 2, 3]));
    assert.equal((await second.fs.stat("common")).size, 3);
    const handle = await second.fs.open("common");
    await second.close();
    await assert.rejects(() => handle.stat(), Error);
    assert.equal((await file.stat()).size, 3);
    await child.kill();
  });

  test("calls of one connection pass each other", async () => {
    await using sandbox = await Sandbox.create();
    const order: string[] = [];
    const slow = sandbox.sh`sleep 1`.text().then(() => order.push("slow"));
    const fast = sandbox.fs.stat("/").then(() => order.push("fast"));
    await Promise.all([slow, fast]);
    assert.deepEqual(order, ["fast", "slow"]);
  });
}

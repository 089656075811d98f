import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Certificates, Lab, readAll } from "../testing/lab.ts";
import { type Recorder, upstream } from "../testing/upstreams.ts";

describe("connections that are not requests", () => {
  let dir: string;
  let echo: Recorder;
  let greeter: Recorder;
  let lab: Lab;

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "egress-ca-"));
    echo = await upstream((socket) => socket.pipe(socket));
    greeter = await upstream((socket) => {
      socket.write("SSH-2.0-test\r\n");
      socket.once("data", () => socket.end("bye"));
    });
    lab = await Lab.start(await Certificates.make(dir), {
      hosts: { "echo.test": echo.port, "ssh.test": greeter.port },
    });
  });

  after(async () => {
    await lab[Symbol.asyncDispose]();
    await echo[Symbol.asyncDispose]();
    await greeter[Symbol.asyncDispose]();
    await rm(dir, { recursive: true });
  });

  test("go through, with each end's FIN by itself, and are counted", async () => {
    const count = (await lab.reports(0)).length;
    const stream = await lab.open("echo.test", 5432);
    const big = "\0".repeat(100_000);
    stream.write(big);
    stream.end("end");
    assert.equal((await readAll(stream)).length, big.length + 3);
    const event = (await lab.reports(count + 1)).at(-1)!;
    assert.deepEqual(
      [event.kind, event.verdict, event.host, event.bytesUp, event.bytesDown, event.rule],
      ["connection", "allowed", "echo.test", big.length + 3, big.length + 3, "echo.test"],
    );
  });

  test("may have the upstream speak first", async () => {
    const stream = await lab.open("ssh.test", 22);
    assert.equal(String((await once(stream, "data"))[0]), "SSH-2.0-test\r\n");
    stream.write("SSH-2.0-me\r\n");
    assert.equal(await readAll(stream), "bye");
  });

  test("are refused where they may not go, and reset on ports where words were possible", async () => {
    const before = echo.connections() + greeter.connections();
    const count = (await lab.reports(0)).length;
    await assert.rejects(lab.open("other.test", 5432), /ECONNREFUSED/);
    const stream = await lab.open("other.test", 8080);
    stream.write("\0\0\0\0");
    assert.equal(await readAll(stream), "");
    const events = (await lab.reports(count + 2)).slice(count);
    assert.deepEqual(
      events.map(({ verdict, host }) => [verdict, host]),
      [
        ["denied", "other.test"],
        ["denied", "other.test"],
      ],
    );
    assert.equal(echo.connections() + greeter.connections(), before);
  });
});

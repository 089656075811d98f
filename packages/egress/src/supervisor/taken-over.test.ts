/** What a proxy that was taken over can do to its server, tested from inside. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { echo } from "./testing/echo.ts";
import { JailedLab } from "./testing/jailed.ts";

describe("a proxy that was taken over", () => {
  let lab: JailedLab;
  before(async () => void (lab = await JailedLab.start(await echo(), "full")));
  after(() => lab?.[Symbol.asyncDispose]());

  /** Lets the proxy say something to its server, and waits until the server has heard it. */
  async function say(messages: object[]): Promise<void> {
    const text = messages.map((message) => `${JSON.stringify(message)}\n`).join("");
    // Events of lookups come earlier.
    const requests = () => lab.events.filter(({ kind }) => kind === "http").length;
    const before = requests();
    await lab.run(`(await load("node:fs")).writeSync(4, ${JSON.stringify(text)});`);
    // The event of the request that ran this comes after it.
    while (requests() === before) await new Promise(setImmediate);
  }

  test("logs in the name of its own sandboxes only", async () => {
    const line = (id: string) => ({ type: "log", level: "error", id, text: `about ${id}` });
    await say([line("another"), line("inside")]);
    assert.equal(lab.about[lab.logged.indexOf("about another")], undefined);
    assert.equal(lab.about[lab.logged.indexOf("about inside")], "inside");
  });

  test("gets no new allowance of lines when it is restarted", async () => {
    const flood = Array.from({ length: 300 }, () => ({ type: "log", level: "info", text: "flood" }));
    await say(flood);
    const lines = () => lab.logged.filter((line) => line === "flood").length;
    assert.ok(lines() > 150, String(lines()));
    const former = lab.pid;
    process.kill(former, "SIGKILL");
    while (lab.proxies.pids.includes(former) || lab.proxies.pids.length === 0) await new Promise(setImmediate);
    await say(flood);
    assert.ok(lines() <= 200, String(lines()));
  });
});

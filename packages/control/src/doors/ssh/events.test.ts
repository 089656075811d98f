import assert from "node:assert/strict";
import { test } from "node:test";
import type { SshReport } from "@sandkeep/doors";
import { sshEvent } from "./events.ts";

const from = { connection: "ssh_1", remote: "192.0.2.1" };
const endless = "x".repeat(1_000_000);

test("texts that a client or a guest chooses have an end in events", () => {
  const process = { terminal: false, exit: null, durationMs: 1 };
  const reports: SshReport[] = [
    { ...from, action: "logout", durationMs: 1, reason: endless },
    { ...from, ...process, action: "exec", command: endless, error: endless },
    { ...from, action: "dial", to: { host: "localhost", port: 80 }, durationMs: 1, error: endless },
    { ...from, action: "accept", port: 80, durationMs: 1, error: endless },
    { ...from, action: "listen", port: 80, error: endless },
  ];
  for (const report of reports) {
    const text = JSON.stringify(sshEvent(report));
    assert.ok(text.length < 10_000, report.action);
    assert.match(text, /x…/, report.action);
  }
});

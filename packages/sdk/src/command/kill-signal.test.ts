import assert from "node:assert/strict";
import { test } from "node:test";
import { KillController, KillSignal } from "./kill-signal.ts";

test("is aborted by the signals that end a command, with their exit codes", () => {
  const codes = { SIGTERM: 143, SIGKILL: 137, SIGABRT: 134, SIGQUIT: 131, SIGINT: 130 } as const;
  for (const [signal, code] of Object.entries(codes)) {
    const controller = new KillController();
    controller.kill(signal as keyof typeof codes);
    assert.equal(controller.signal.aborted, true);
    assert.equal(controller.signal.abortedExitCode, code);
  }
});

test("is not aborted by other signals, and stays aborted after them", () => {
  const controller = new KillController();
  controller.kill("SIGUSR1");
  assert.equal(controller.signal.aborted, false);
  controller.kill();
  controller.kill("SIGUSR1");
  assert.equal(controller.signal.abortedExitCode, 143);
});

test("notifies listeners until they are removed, also when one removes itself", () => {
  const controller = new KillController();
  const heard: string[] = [];
  const once = (signal: string) => {
    heard.push(`once ${signal}`);
    controller.signal.removeListener(once);
  };
  controller.signal.addListener(once);
  controller.signal.addListener((signal) => heard.push(signal));
  controller.kill("SIGHUP");
  controller.kill("SIGINT");
  assert.deepEqual(heard, ["once SIGHUP", "SIGHUP", "SIGINT"]);
});

test("forwards signals to linked children until they are unlinked", () => {
  const parent = new KillController();
  const child = new KillController();
  const link = parent.signal.linkChild(child.signal);
  parent.kill("SIGUSR2");
  assert.equal(child.signal.aborted, false);
  link.unsubscribe();
  parent.kill();
  assert.equal(child.signal.aborted, false);
});

test("comes from a controller only", () => {
  assert.throws(() => new KillSignal(Symbol(), { abortedExitCode: undefined, listeners: [] }), TypeError);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { CliError, UsageError } from "./errors.ts";
import { Terminal } from "./output/terminal.ts";
import { reportError } from "./report-error.ts";
import { recordedStreams } from "./testing/streams.ts";

function report(error: unknown, json = false) {
  const recorded = recordedStreams();
  const code = reportError(error, new Terminal(recorded.streams, { json, env: {} }));
  assert.equal(recorded.out, "");
  return { code, text: recorded.err };
}

test("says what happened and what to do", () => {
  assert.deepEqual(report(new CliError("NO_ROOM", "there is no room", { hint: "make some", exitCode: 6 })), {
    code: 6,
    text: "error: there is no room [NO_ROOM]\n  make some\n",
  });
  assert.deepEqual(report(new UsageError("which one?")), { code: 2, text: "error: which one?\n" });
});

test("with JSON says the same as JSON", () => {
  const { text } = report(new CliError("NO_ROOM", "there is no room"), true);
  assert.deepEqual(JSON.parse(text), { error: { code: "NO_ROOM", message: "there is no room", hint: null } });
});

test("keeps control characters of a sandbox's message off the terminal", () => {
  assert.equal(report(new CliError("X", "two\nlines \x1b[2J")).text, "error: two\n  lines \\x1b[2J [X]\n");
});

test("knows the errors of the SDK, the server and the host by their names", () => {
  const named = (name: string, message: string, more: object = {}) =>
    Object.assign(new Error(message), { name, ...more });
  assert.deepEqual(
    report(
      named(
        "ConnectionEstablishmentError",
        "There is no such sandbox. See the list. (status: 404, code: SANDBOX_NOT_FOUND, traceId: abc)",
        { status: 404, code: "SANDBOX_NOT_FOUND" },
      ),
    ),
    {
      code: 3,
      text: "error: There is no such sandbox. See the list. [SANDBOX_NOT_FOUND]\n",
    },
  );
  assert.equal(report(named("InvalidTokenError", "no")).code, 4);
  assert.equal(report(named("ClientError", "busy", { status: 429, code: "LIMIT" })).code, 6);
  assert.equal(report(named("NetworkError", "nobody there")).code, 7);
  assert.match(report(named("ConfigError", "port: expected number")).text, /port: expected number \[CONFIG\]/);
  assert.equal(
    report(
      named("PreconditionError", "This computer cannot run machines: jail cannot be created.", {
        repair: "make namespaces",
      }),
    ).text,
    "error: This computer cannot run machines: jail cannot be created. [HOST_NOT_READY]\n  make namespaces\n",
  );
  assert.deepEqual(report(named("NotFound", "No such file or directory (os error 2): stat 'x'", { code: "ENOENT" })), {
    code: 3,
    text: "error: No such file or directory (os error 2): stat 'x' [ENOENT]\n",
  });
});

test("any other error counts as a bug, and says how to find out more", () => {
  const { code, text } = report(new TypeError("x is not a function"));
  assert.equal(code, 1);
  assert.match(text, /x is not a function \[UNEXPECTED\]\n.*SANDKEEP_DEBUG=1/);
});

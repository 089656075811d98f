import assert from "node:assert/strict";
import { test } from "node:test";
import { recordedStreams } from "../testing/streams.ts";
import { Terminal } from "./terminal.ts";

const columns = [{ title: "NAME", cell: (item: { name: string }) => item.name }];

test("results go to standard output, notes to standard error", () => {
  const recorded = recordedStreams();
  const terminal = new Terminal(recorded.streams, { env: {} });
  terminal.result({ a: 1 }, () => "one");
  terminal.list([{ name: "x" }], columns, "nothing");
  terminal.list([], columns, "nothing");
  assert.equal(recorded.out, "one\nNAME\nx\n");
  assert.equal(recorded.err, "nothing\n");
});

test("with JSON, results are JSON and an empty list is an empty array", () => {
  const recorded = recordedStreams();
  const terminal = new Terminal(recorded.streams, { json: true, env: {} });
  terminal.result({ a: 1 }, () => "one");
  terminal.list([], columns, "nothing");
  assert.equal(recorded.out, '{"a":1}\n[]\n');
  assert.equal(recorded.err, "");
});

test("--quiet suppresses notes and progress", () => {
  const recorded = recordedStreams();
  const terminal = new Terminal(recorded.streams, { quiet: true, env: {} });
  terminal.note("by the way");
  terminal.progress().step("Working");
  assert.equal(recorded.err, "");
});

test("untrusted names cannot move the cursor, neither in notes nor in progress", () => {
  for (const isTTY of [true, false]) {
    const recorded = recordedStreams();
    const terminal = new Terminal(
      { ...recorded.streams, stderr: Object.assign(recorded.streams.stderr, { isTTY }) },
      { env: {} },
    );
    terminal.note("first\nevil \x1b]0;title\x07 \x9b2J");
    const progress = terminal.progress();
    progress.step("Copying \x1b[2J");
    progress.done();
    assert.match(recorded.err, /^first\nevil \\x1b\]0;title\\x07 \\x9b2J\n/);
    assert.match(recorded.err, /Copying \\x1b\[2J/);
    assert.doesNotMatch(recorded.err, /\x1b\[2J/);
  }
});

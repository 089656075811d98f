import assert from "node:assert/strict";
import { test } from "node:test";
import { UsageError } from "./errors.ts";
import { runProgram } from "./program.ts";
import { recordedStreams } from "./testing/streams.ts";
import { root } from "./tree/root.ts";
import type { CommandModule, CommandSpec, Invocation } from "./tree/spec.ts";

/** Runs a command line against a tree with one command that records how it was called. */
async function call(spec: Partial<CommandSpec>, argv: string[]) {
  const calls: Invocation[] = [];
  const module: CommandModule = { run: async (invocation) => (calls.push(invocation), 7) };
  const recorded = recordedStreams();
  const tree: CommandSpec = {
    name: "tool",
    summary: "A tool",
    commands: [{ name: "do", summary: "Do it", load: async () => module, ...spec }],
  };
  const code = await runProgram(tree, argv, { streams: recorded.streams, env: {}, version: "1.2.3" });
  return { code, recorded, invocation: calls[0] };
}

test("a command gets its arguments and options, and its exit code is returned", async () => {
  const { code, invocation } = await call(
    { args: "<a> [rest...]", options: [{ flags: "-x, --ex <n>", description: "", parse: Number }] },
    ["do", "--ex", "3", "one", "two", "--json"],
  );
  assert.equal(code, 7);
  assert.deepEqual(invocation!.args, ["one", ["two"]]);
  assert.deepEqual(invocation!.options, { ex: 3, json: true });
  assert.equal(invocation!.terminal.json, true);
});

test("what follows the command in the sandbox belongs to that command", async () => {
  const { invocation } = await call({ args: "<command...>", passThrough: true }, [
    "do",
    "-q",
    "ls",
    "--json",
    "-h",
    "--",
    "x",
  ]);
  assert.deepEqual(invocation!.args, [["ls", "--json", "-h", "--", "x"]]);
  assert.equal(invocation!.terminal.json, false);
  assert.equal(invocation!.terminal.quiet, true);
});

test("options may follow the arguments before the command in the sandbox", async () => {
  const spec: Partial<CommandSpec> = {
    args: "<id> <command...>",
    passThrough: true,
    options: [
      { flags: "--cwd <path>", description: "" },
      { flags: "-e, --env <pair>", description: "", parse: (text, previous: string[] = []) => [...previous, text] },
    ],
  };
  for (const line of [
    "--cwd /x -e A -e B id ls --cwd y",
    "id --cwd /x -e A -e B ls --cwd y",
    "id -e A --cwd=/x -e B -- ls --cwd y",
    "-e A id --cwd /x -e B -- ls --cwd y",
    "-e A --cwd /x -e B -- id ls --cwd y",
  ]) {
    const { invocation } = await call(spec, ["do", ...line.split(" ")]);
    assert.deepEqual(invocation!.args, ["id", ["ls", "--cwd", "y"]], line);
    assert.deepEqual(invocation!.options, { cwd: "/x", env: ["A", "B"] }, line);
  }
  const { invocation } = await call(spec, ["do", "id", "--json", "-q", "--", "--cwd"]);
  assert.deepEqual(invocation!.args, ["id", ["--cwd"]]);
  assert.equal(invocation!.terminal.json, true);
  assert.equal((await call(spec, ["do", "id", "--help"])).code, 0);
  await assert.rejects(
    call(spec, ["do", "id", "--cwdd", "/x", "--", "ls"]),
    (error) => error instanceof UsageError && /unknown option '--cwdd'/.test(error.message),
  );
});

test("flags that every command has may precede its name", async () => {
  const { invocation } = await call({}, ["--json", "-q", "do"]);
  assert.equal(invocation!.terminal.json, true);
  assert.equal(invocation!.terminal.quiet, true);
});

test("a command's own option replaces the common one", async () => {
  const { invocation } = await call({ options: [{ flags: "--json [file]", description: "" }] }, [
    "do",
    "--json",
    "out.json",
  ]);
  assert.equal((invocation!.options as { json: unknown }).json, "out.json");
  assert.equal(invocation!.terminal.json, false, "a file gets the JSON, so people get text");
});

test("help and version go to standard output", async () => {
  const { code, recorded } = await call({ details: "More about it.", examples: [["tool do", "does it"]] }, [
    "do",
    "--help",
  ]);
  assert.equal(code, 0);
  assert.match(recorded.out, /Do it\.\n\nMore about it\.[\s\S]*--json[\s\S]*# does it\n {2}\$ tool do/);
  assert.equal((await call({}, ["--version"])).recorded.out, "1.2.3\n");
});

test("no command, and a group without one, print help and fail", async () => {
  const { code, recorded } = await call({}, []);
  assert.equal(code, 2);
  assert.match(recorded.err, /Usage: tool/);
});

test("unknown commands and options are usage errors with a suggestion", async () => {
  await assert.rejects(
    call({}, ["doo"]),
    (error) => error instanceof UsageError && /unknown command 'doo'[\s\S]*Did you mean do/.test(error.message),
  );
  await assert.rejects(
    call({}, ["do", "--jsn"]),
    (error) => error instanceof UsageError && /unknown option '--jsn'[\s\S]*--json/.test(error.message),
  );
  await assert.rejects(call({ args: "<a>" }, ["do"]), UsageError);
});

test("every command says what it does, and takes --json", async () => {
  const visit = async (spec: CommandSpec, path: string[]): Promise<void> => {
    assert.match(spec.summary, /^[A-Z][^.]*$/, `${path.join(" ")} has a summary without a full stop`);
    for (const sub of spec.commands ?? []) await visit(sub, [...path, sub.name]);
    if (!spec.load) return;
    assert.equal(typeof (await spec.load()).run, "function", path.join(" "));
    const recorded = recordedStreams();
    assert.equal(await runProgram(root, [...path, "--help"], { streams: recorded.streams, env: {}, version: "0" }), 0);
    assert.match(recorded.out, /--json/, path.join(" "));
  };
  await visit(root, []);
});

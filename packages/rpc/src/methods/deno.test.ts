import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { after, before, test } from "node:test";
import { startSandbox } from "../testing/mod.ts";

/** The Deno of the guest image, from npm. */
const DENO_DIRECTORY = dirname(createRequire(import.meta.url).resolve("@deno/linux-x64-glibc/package.json"));

let sandbox: Awaited<ReturnType<typeof startSandbox>>;
before(async () => (sandbox = await startSandbox({ path: [DENO_DIRECTORY] })));
after(() => sandbox[Symbol.asyncDispose]());

const piped = { stdout: "piped", stderr: "piped" };
const call = (method: string, params: unknown) => sandbox.client.call(method, params);

/** Starts a program as both clients do: with all the subsequent calls at once. */
async function start(params: object, method = "spawnDeno") {
  const { client } = sandbox;
  const spawned = await client.call(method, { ...piped, ...params });
  const { pid } = spawned;
  const [status, listening] = [client.call("processWait", { pid }), client.call("denoHttpWait", { pid })];
  return { ...spawned, status, listening };
}

async function output(params: object) {
  const program = await start(params);
  const status = await program.status;
  const [stdout, stderr] = await Promise.all([
    sandbox.client.ended(program.stdoutStreamId),
    sandbox.client.ended(program.stderrStreamId),
  ]);
  return { ...program, status, stdout: stdout.text, stderr: stderr.text };
}

const plain = { env: { NO_COLOR: "1" } };

test("inline code runs with its arguments, as a module, in every extension", async () => {
  const modules = {
    js: "const v = 1",
    mjs: "const v = 1",
    ts: "const v: number = 1",
    mts: "enum E { A = 1 } const v = E.A",
    jsx: "const v = 1",
    tsx: "const v: number = 1",
  };
  for (const [extension, code] of Object.entries(modules)) {
    const { stdout, stderr, status, watcherId } = await output({
      code: `${code}; await 0; console.log(v, typeof require, import.meta.main, ...Deno.args) // end`,
      extension,
      scriptArgs: ["a", "-b"],
      ...plain,
    });
    assert.equal(stdout, "1 undefined true a -b\n", stderr);
    assert.equal(status.code, 0);
    assert.equal(watcherId, null);
  }
  for (const extension of ["cjs", "cts"]) {
    const { stdout } = await output({ code: "console.log(require('node:path').join('a', 'b'))", extension });
    assert.equal(stdout, "a/b\n");
  }
});

test("inline code imports relative to the working directory, and may begin with a dash", async () => {
  await writeFile(`${sandbox.home}/helper.ts`, "export const help: string = 'helped';");
  assert.equal(
    (await output({ code: "import { help } from './helper.ts'; console.log(help)", extension: "ts" })).stdout,
    "helped\n",
  );
  assert.equal((await output({ code: "-1; console.log('dash')", extension: "ts" })).stdout, "dash\n");
});

test("inline code may be longer than a command line", async () => {
  const { stdout } = await output({
    code: `/* ${"x".repeat(300_000)} */ console.log('long', Deno.args[0])`,
    extension: "ts",
    scriptArgs: ["arg"],
  });
  assert.equal(stdout, "long arg\n");
});

test("errors of the program are its own: reporting adds nothing to its output", async () => {
  const { stderr, status } = await output({ code: "throw new Error('mine')", extension: "ts", ...plain });
  assert.equal(status.code, 1);
  assert.match(
    stderr,
    /^error: Uncaught \(in promise\) Error: mine\nthrow new Error\('mine'\)\n {6}\^\n {4}at file:.*\$deno\$eval\.ts:1:7\n$/,
  );
});

test("an entry point is run, and its arguments are its own", async () => {
  await writeFile(`${sandbox.home}/main.ts`, "console.log(import.meta.main, Deno.args, Deno.stdin.isTerminal());");
  assert.equal(
    (await output({ entrypoint: "main.ts", scriptArgs: ["--allow-none"], ...plain })).stdout,
    'true [ "--allow-none" ] false\n',
  );
  assert.notEqual((await output({ entrypoint: "no-such.ts" })).status.code, 0);
});

test("denoHttpWait is false for a program that ends without serving", async () => {
  const program = await start({ code: "console.log('done')", extension: "ts" });
  assert.equal(await program.listening, false);
  await program.status;
  assert.equal(await call("denoHttpWait", { pid: program.pid }), false);
});

for (const [name, code] of Object.entries({
  "Deno.serve":
    "Deno.serve({ port: 0 }, (request) => new Response(`${request.method} ${new URL(request.url).pathname}`));",
  "node:http":
    "import { createServer } from 'node:http'; createServer((q, r) => r.end(`${q.method} ${q.url}`)).listen(0);",
})) {
  test(`denoHttpWait is true, and fetch reaches the program, when it serves with ${name}`, async () => {
    const program = await start({ code, extension: "ts", ...plain });
    assert.equal(await program.listening, true);
    const { client } = sandbox;
    const answer = await client.call("fetch", {
      url: "https://example.com/path",
      method: "GET",
      headers: [],
      redirect: "manual",
      pid: program.pid,
    });
    assert.equal(answer.status, 200);
    assert.equal((await client.ended(answer.bodyStreamId)).text, "GET /path");
    await call("processKill", { pid: program.pid });
    assert.equal((await program.status).signal, "SIGTERM");
    const { text } = await client.ended(program.stderrStreamId);
    assert.ok(
      name !== "Deno.serve" || /^Listening on http:\/\/0\.0\.0\.0:\d+\/ \(http:\/\/localhost:\d+\/\)\n$/.test(text),
      text,
    );
  });
}

test("denoHttpWait is not fooled by a server that speaks no HTTP", async () => {
  const program = await start({
    code: "import net from 'node:net'; net.createServer().listen(0, function () { this.close() }); const l = Deno.listen({ port: 0 }); l.close();",
    extension: "ts",
  });
  assert.equal(await program.listening, false);
});

test("the error of a server that cannot start is the program's own", async () => {
  const { stderr, stdout } = await output({
    code: "const a = Deno.serve({ port: 0, onListen() {} }, () => new Response());\ntry {\n  Deno.serve({ port: a.addr.port }, () => new Response());\n} catch (e) {\n  console.log(e.name);\n}\nDeno.serve({ port: a.addr.port }, () => new Response());",
    extension: "ts",
    ...plain,
  });
  assert.equal(stdout, "AddrInUse\n");
  assert.match(stderr, /AddrInUse: Address already in use/);
  assert.doesNotMatch(stderr, /data:/);
});

test("a watched program restarts when its file changes, and says so", async () => {
  const { client, home } = sandbox;
  await writeFile(`${home}/watched.ts`, "console.log('one'); setInterval(() => {}, 1000);");
  const program = await start({ entrypoint: "watched.ts", watch: true });
  assert.equal(typeof program.watcherId, "string");
  await client.until(() => client.stream(program.stdoutStreamId).text.includes("one"));
  // Deno starts watching a moment after the program has started: write until it notices.
  const restarted = client.until(() =>
    client.messages.find(
      ({ method, params }) => method === "$sandbox.deno.watcher.restart" && params.watcherId === program.watcherId,
    ),
  );
  let count = 0;
  const writing = setInterval(
    () =>
      void writeFile(
        `${home}/watched.ts`,
        `console.log('two'); Deno.serve({ port: 0 }, () => new Response('${count++}'));`,
      ),
    200,
  );
  await restarted;
  clearInterval(writing);
  await client.until(() => client.stream(program.stdoutStreamId).text.includes("two"));
  assert.equal(await program.listening, true);
  await call("processKill", { pid: program.pid, signal: "SIGKILL" });
  await program.status;
});

test("a REPL keeps its state, and takes TypeScript, top-level await and redeclarations", async () => {
  const { pid, status } = await start({}, "spawnDenoRepl");
  const evaluate = (code: string) => call("denoReplEval", { pid, code });
  assert.equal(await evaluate("1 + 1"), 2);
  assert.equal(await evaluate("const x: number = 5; x"), 5);
  assert.equal(await evaluate("const x = await Promise.resolve(6)"), null);
  assert.equal(await evaluate("x"), 6);
  assert.equal(await evaluate("_"), 6);
  assert.equal(await evaluate("import { join } from 'node:path'; join('a', 'b')"), "a/b");
  assert.equal(await evaluate("function add(a: number, b: number) { return a + b }"), null);
  assert.equal(await call("denoReplCall", { pid, fn: "add", args: [1, 2] }), 3);
  assert.deepEqual(await call("denoReplCall", { pid, fn: "async (a, b) => ({ sum: a + b })", args: ["x", "y"] }), {
    sum: "xy",
  });
  assert.equal(
    await call("denoReplCall", {
      pid,
      fn: "function () { return arguments.length };",
      args: [null, { __proto__: null }],
    }),
    2,
  );
  // From any connection.
  assert.equal(await (await sandbox.connect()).call("denoReplEval", { pid, code: "x + 1" }), 7);
  assert.equal(await call("denoReplClose", { pid }), null);
  await status;
  assert.equal((await sandbox.client.request("denoReplClose", { pid })).result!.error!.code, "ENOENT");
});

test("a REPL's values become JSON as far as they can", async () => {
  const { pid } = await start({}, "spawnDenoRepl");
  const evaluate = (code: string) => call("denoReplEval", { pid, code });
  assert.equal(await evaluate("undefined"), null);
  assert.equal(await evaluate("globalThis.f = () => 1"), null);
  assert.equal(await evaluate("Promise.resolve('awaited')"), "awaited");
  assert.deepEqual(
    await evaluate(
      "({ big: 2n ** 64n, map: new Map([[1, 2]]), set: new Set([1]), date: new Date(0), bytes: new Uint8Array([1]), nan: NaN, re: /a/g, error: new RangeError('x') })",
    ),
    {
      big: "18446744073709551616",
      map: [[1, 2]],
      set: [1],
      date: "1970-01-01T00:00:00.000Z",
      bytes: [1],
      nan: null,
      re: "/a/g",
      error: { name: "RangeError", message: "x" },
    },
  );
  assert.deepEqual(await evaluate("class Point { x = 1 }; new Point()"), { x: 1 });
  assert.equal((await evaluate("'é'.repeat(3_000_000)")).length, 3_000_000);
  const circular = (await sandbox.client.request("denoReplEval", { pid, code: "const o: any = {}; o.o = o; o" }))
    .result!.error!;
  assert.equal(circular.constructorName, "TypeError");
  await call("denoReplClose", { pid });
});

test("what a REPL's code throws comes with its class, message and code", async () => {
  const { pid } = await start({}, "spawnDenoRepl");
  const thrown = async (code: string) => (await sandbox.client.request("denoReplEval", { pid, code })).result!.error!;
  assert.equal((await thrown("throw new TypeError('boo')")).constructorName, "TypeError");
  assert.deepEqual(await thrown("throw 5"), { constructorName: "Error", message: "5" });
  const missing = await thrown("await Deno.readTextFile('/nope')");
  assert.equal(missing.constructorName, "NotFound");
  assert.equal(missing.code, "ENOENT");
  assert.match(missing.stack!, /readfile '\/nope'/);
  assert.equal((await thrown("syntax error")).constructorName, "SyntaxError");
  assert.equal(
    (await thrown("throw new Error('a', { cause: new RangeError('b') })")).cause!.constructorName,
    "RangeError",
  );
  assert.equal((await thrown("throw new AggregateError([new Error('a')], 'b')")).errors![0]!.message, "a");
  const call = (await sandbox.client.request("denoReplCall", { pid, fn: "nope", args: [] })).result!.error!;
  assert.equal(call.constructorName, "ReferenceError");
  assert.equal(await sandbox.client.call("denoReplEval", { pid, code: "'still there'" }), "still there");
  await sandbox.client.call("denoReplClose", { pid });
});

test("a REPL's output is apart from its values, and errors outside of evaluations do not end it", async () => {
  const { client } = sandbox;
  const repl = await start(plain, "spawnDenoRepl");
  const { pid } = repl;
  assert.equal(
    await call("denoReplEval", {
      pid,
      code: "console.log('out'); setTimeout(() => { throw new Error('later') }, 1); 'value'",
    }),
    "value",
  );
  await client.until(() => client.stream(repl.stdoutStreamId).text === "out\n");
  await client.until(() => client.stream(repl.stderrStreamId).text.includes("Uncaught Error: later"));
  assert.equal(await call("denoReplEval", { pid, code: "1" }), 1);
  assert.equal(await call("denoReplEval", { pid, code: "Deno.serve({ port: 0 }, () => new Response('repl')); 2" }), 2);
  assert.equal(await repl.listening, true);
  const answer = await call("fetch", { url: "http://any/", method: "GET", headers: [], redirect: "follow", pid });
  assert.equal((await client.ended(answer.bodyStreamId)).text, "repl");
  await call("denoReplClose", { pid });
});

test("evaluations that wait when a REPL ends fail, whatever ended it", async () => {
  const exiting = await start({}, "spawnDenoRepl");
  const [exit, next] = ["Deno.exit(4)", "1"].map((code) =>
    sandbox.client.request("denoReplEval", { pid: exiting.pid, code }),
  );
  assert.match((await exit!).result!.error!.message, /has ended/);
  assert.ok((await next!).result!.error);
  assert.equal((await exiting.status).code, 4);

  const stuck = await start({}, "spawnDenoRepl");
  const endless = sandbox.client.request("denoReplEval", { pid: stuck.pid, code: "for (;;);" });
  await call("denoReplClose", { pid: stuck.pid });
  assert.match((await endless).result!.error!.message, /was closed/);
  assert.equal((await stuck.status).signal, "SIGTERM");
});

test("code that meddles with the REPL's socket or helper ends no more than the REPL", async () => {
  const meddled = await start({}, "spawnDenoRepl");
  const { result } = await sandbox.client.request("denoReplEval", {
    pid: meddled.pid,
    code: "JSON.parse = JSON.stringify = () => 'x'; globalThis.Symbol = () => 1; 1",
  });
  assert.ok(result!.error ?? result!.ok !== undefined);
  await call("processKill", { pid: meddled.pid, signal: "SIGKILL" });
  await meddled.status;
  assert.equal((await sandbox.client.run("echo", ["fine"])).stdout, "fine\n");
});

test("lines on the reporting pipe that are not reports are passed over", async () => {
  const program = await start({
    code: "const pipe = Deno.openSync('/proc/self/fd/3', { write: true }); const write = (text: string) => pipe.writeSync(new TextEncoder().encode(text)); write('nonsense\\n{\"listening\":-1}\\n{\"listening\":\"x\"}\\n[]\\nnull\\n'); write('x'.repeat(50_000)); console.log('wrote');",
    extension: "ts",
  });
  assert.equal(await program.listening, false);
  assert.equal((await program.status).code, 0);
});

import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { decode, encode } from "../harness/bytes.ts";
import type { Sdk } from "../harness/sdk.ts";
import { sharedSandbox } from "../harness/shared.ts";

const PIPED = { stdout: "piped", stderr: "piped" } as const;

/** Longer than a restart takes under emulation, in milliseconds. */
const WATCH_RETRY_MS = 5_000;

/** `deno.run`, `deno.eval` and `deno.repl`. */
export default function deno(sdk: Sdk): void {
  const sandbox = sharedSandbox(sdk);

  describe("run", () => {
    test("runs code with arguments, environment and a directory", async () => {
      const program = await sandbox().deno.run({
        code: `const list: string[] = Deno.args; console.log(JSON.stringify([list, Deno.env.get("A"), Deno.cwd()])); console.error("err");`,
        scriptArgs: ["one", "two words"],
        env: { A: "1" },
        cwd: "/tmp",
        ...PIPED,
      });
      const { status, stdoutText, stderrText } = await program.output();
      assert.deepEqual(JSON.parse(stdoutText!), [["one", "two words"], "1", "/tmp"]);
      assert.equal(stderrText, "err\n");
      assert.deepEqual(status, { success: true, code: 0, signal: null, oom: false });
      assert.equal(await program.httpReady, false);
    });

    test("runs code in the language that its extension names", async () => {
      const tsx = await sandbox().deno.run({
        code: "const f = <T,>(x: T): T => x; console.log(f('tsx'))",
        extension: "tsx",
        ...PIPED,
      });
      const cjs = await sandbox().deno.run({
        code: "console.log(typeof require, module.exports !== undefined)",
        extension: "cjs",
        ...PIPED,
      });
      const js = await sandbox().deno.run({ code: "const x: number = 1", extension: "js", ...PIPED });
      assert.equal((await tsx.output()).stdoutText, "tsx\n");
      assert.equal((await cjs.output()).stdoutText, "function true\n");
      const { status, stderrText } = await js.output();
      assert.equal(status.success, false);
      assert.match(stderrText!, /error/i);
    });

    test("runs a file, by path or URL, with what it imports, and passes its exit code and input", async () => {
      const { fs } = sandbox();
      await fs.mkdir("program");
      await fs.writeTextFile("program/lib.ts", "export const double = (n: number) => n * 2;");
      await fs.writeTextFile(
        "program/main.ts",
        `
        import { double } from "./lib.ts";
        const text = await new Response(Deno.stdin.readable).text();
        console.log(double(21), text);
        Deno.exit(3);
      `,
      );
      const program = await sandbox().deno.run({
        entrypoint: pathToFileURL("/home/app/program/main.ts"),
        stdin: "piped",
        ...PIPED,
      });
      const writer = program.stdin!.getWriter();
      await writer.write(encode("from stdin"));
      await writer.close();
      const { status, stdoutText } = await program.output();
      assert.equal(stdoutText, "42 from stdin\n");
      assert.equal(status.code, 3);
    });

    test("is killed by an abort, and when it is disposed of", async () => {
      const forever = "console.log('up'); setInterval(() => {}, 1000)";
      const controller = new AbortController();
      const program = await sandbox().deno.run({ code: forever, signal: controller.signal, ...PIPED });
      const reader = program.stdout!.getReader();
      assert.equal(decode((await reader.read()).value!), "up\n");
      controller.abort();
      assert.equal((await program.status).signal, "SIGTERM");
      const other = await sandbox().deno.run({ code: forever, stdout: "null", stderr: "null" });
      await other[Symbol.asyncDispose]();
      assert.equal((await other.status).success, false);
    });

    test("fails for a file that is not there", async () => {
      const program = await sandbox()
        .deno.run({ entrypoint: "no/such/file.ts", ...PIPED })
        .catch((error) => error);
      if (program instanceof Error) return assert.equal((program as Error & { code?: string }).code, "ENOENT");
      assert.equal((await program.output()).status.success, false);
    });

    test("serves HTTP, and is reached whatever the URL says", async () => {
      const program = await sandbox().deno.run({
        code: `Deno.serve({ port: 0 }, async (request) => Response.json({
          method: request.method, url: new URL(request.url).pathname + new URL(request.url).search,
          header: request.headers.get("x-test"), body: await request.text(),
        }, { status: 201, headers: { "x-answer": "yes" } }))`,
        stdout: "null",
        stderr: "null",
      });
      assert.equal(await program.httpReady, true);
      const response = await program.fetch("https://example.com/path?q=1", {
        method: "PUT",
        headers: { "x-test": "ä".normalize("NFD").slice(0, 1) },
        body: "content",
      });
      assert.deepEqual([response.status, response.headers.get("x-answer")], [201, "yes"]);
      assert.deepEqual(await response.json(), { method: "PUT", url: "/path?q=1", header: "a", body: "content" });
      const [one, two] = await Promise.all([program.fetch("http://a/1"), program.fetch(new URL("http://b/2"))]);
      const urls = await Promise.all([one, two].map(async (answer) => ((await answer.json()) as { url: string }).url));
      assert.deepEqual(urls, ["/1", "/2"]);
      await program.kill();
      await program.status;
    });

    test("sees a server of node:http, too", async () => {
      const program = await sandbox().deno.run({
        code: `import { createServer } from "node:http"; createServer((_, response) => response.end("node")).listen(0)`,
        stdout: "null",
        stderr: "null",
      });
      assert.equal(await program.httpReady, true);
      assert.equal(await (await program.fetch("http://localhost/")).text(), "node");
      await program.kill();
    });

    test("starts again when a watched file changes, and says so", async () => {
      const { fs } = sandbox();
      await fs.writeTextFile("watched.ts", `console.log("first"); setInterval(() => {}, 1000);`);
      const program = await sandbox().deno.run({
        entrypoint: "watched.ts",
        watch: true,
        stdout: "piped",
        stderr: "null",
      });
      const reader = program.stdout!.getReader();
      let seen = "";
      const until = async (text: string) => {
        while (!seen.includes(text)) seen += decode((await reader.read()).value!);
      };
      await until("first");
      const restarted = once(program, "restart");
      // Deno starts watching some time after the program has started, without saying so; so the file is changed
      // repeatedly.
      const change = () => fs.writeTextFile("watched.ts", `console.log("second"); setInterval(() => {}, 1000);`);
      const timer = setInterval(() => void change().catch(() => {}), WATCH_RETRY_MS);
      await change();
      await until("second");
      clearInterval(timer);
      await restarted;
      await program.kill();
      await program.status;
    });

    test("cannot be constructed", () => {
      assert.throws(() => new sdk.module.DenoProcess(Symbol(), undefined as never), Error);
      assert.throws(() => new sdk.module.DenoRepl(Symbol(), undefined as never), Error);
    });
  });

  describe("eval and repl", () => {
    test("evaluates TypeScript to its last value", async () => {
      assert.equal(await sandbox().deno.eval("const a: number = 1; const b = 2;\n a + b;"), 3);
      const info = await sandbox().deno.eval<{ total: number }>("Deno.systemMemoryInfo()");
      assert.ok(info.total > 1e9);
      await assert.rejects(() => sandbox().deno.eval("throw new RangeError('no')"), RangeError);
    });

    test("remembers what it evaluated, waits, and gives what JSON can hold", async () => {
      await using repl = await sandbox().deno.repl({
        scriptArgs: ["arg"],
        env: { A: "1" },
        cwd: "/tmp",
        stdout: "null",
        stderr: "null",
      });
      await repl.eval("const x = 42; let y = 8; function add(a: number, b: number) { return a + b }");
      assert.equal(await repl.eval("x + y"), 50);
      await repl.eval("y = 10");
      assert.equal(await repl.eval("await Promise.resolve(x + y)"), 52);
      assert.deepEqual(await repl.eval("[Deno.args, Deno.env.get('A'), Deno.cwd()]"), [["arg"], "1", "/tmp"]);
      for (const value of [null, true, "text ä", 1.5, [1, [2]], { a: { b: [null] } }]) {
        assert.deepEqual(await repl.eval(`(${JSON.stringify(value)})`), value);
      }
      assert.equal((await repl.eval("undefined")) ?? null, null);
      assert.equal(await repl.eval("class P { a = 1 }; new P().a"), 1);
    });

    test("calls functions by name or expression", async () => {
      await using repl = await sandbox().deno.repl({ stdout: "null", stderr: "null" });
      await repl.eval("function add(a: number, b: number) { return a + b }; globalThis.later = async (x) => ({ x });");
      assert.equal(await repl.call("add", 1, 2), 3);
      assert.deepEqual(await repl.call("later", ["a", { b: null }]), { x: ["a", { b: null }] });
      assert.equal(await repl.call("(a, b) => a + b", "x", "y"), "xy");
      assert.equal(await repl.call("function (n) { return n * 2; }", 21), 42);
      await assert.rejects(() => repl.call("noSuchFunction"), Error);
    });

    test("throws what the code throws, and goes on", async () => {
      await using repl = await sandbox().deno.repl({ stdout: "null", stderr: "null" });
      const error = await repl.eval("null.property").catch((error) => error);
      assert.ok(error instanceof TypeError);
      assert.match(error.message, /null/);
      await assert.rejects(() => repl.eval("this is not code"), SyntaxError);
      const missing = await repl.eval<Error>("await Deno.readTextFile('/no/such')").catch((error: Error) => error);
      assert.equal(missing.constructor.name, "NotFound");
      assert.equal(await repl.eval("'still' + ' there'"), "still there");
    });

    test("prints to its own outputs, not into its answers", async () => {
      const repl = await sandbox().deno.repl({ ...PIPED });
      assert.equal(await repl.eval("console.log('printed'); 'answer'"), "answer");
      await repl.close();
      assert.match((await repl.output()).stdoutText!, /printed/);
      await repl.close();
      await assert.rejects(() => repl.eval("1"), Error);
    });

    test("evaluates one piece of code after the other", async () => {
      await using repl = await sandbox().deno.repl({ stdout: "null", stderr: "null" });
      await repl.eval("let order: number[] = []");
      await Promise.all([1, 2, 3, 4, 5].map((n) => repl.eval(`order.push(${n})`)));
      assert.deepEqual(await repl.eval("order"), [1, 2, 3, 4, 5]);
    });

    test("serves HTTP from a REPL, too", async () => {
      await using repl = await sandbox().deno.repl({ stdout: "null", stderr: "null" });
      await repl.eval("const server = Deno.serve({ port: 0, onListen() {} }, () => new Response('from a REPL')); 0");
      assert.equal(await repl.httpReady, true);
      assert.equal(await (await repl.fetch("http://localhost/")).text(), "from a REPL");
    });

    test("ends with its process", async () => {
      const controller = new AbortController();
      const repl = await sandbox().deno.repl({ stdout: "null", stderr: "null", signal: controller.signal });
      assert.ok(repl.pid > 0);
      const pending = repl.eval("await new Promise(() => {})").catch((error) => error);
      controller.abort();
      assert.equal((await repl.status).success, false);
      assert.ok((await pending) instanceof Error);
    });
  });
}

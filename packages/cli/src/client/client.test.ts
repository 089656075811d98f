import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { after, describe, test } from "node:test";
import { startTicks } from "@sandkeep/common";
import { CliError, UsageError } from "../errors.ts";
import { writeState } from "../server/state.ts";
import { temporaryDirectory } from "../testing/temporary-directory.ts";
import { collectSecret } from "../values/secret.ts";
import { Api } from "./api.ts";
import { labelQuery } from "./labels.ts";
import { createOptions } from "./machine-options.ts";
import { sandboxId } from "./sandbox-id.ts";
import { findTarget, requireTarget } from "./target.ts";

const ID = "sbx_ord_1at5nn58e77rtd11e3k3";
const hasCode = (code: string, exitCode: number) => (error: unknown) =>
  error instanceof CliError && error.code === code && error.exitCode === exitCode;

async function serve(handler: (request: IncomingMessage, response: ServerResponse) => void): Promise<Api> {
  const server: Server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  after(() => server.close());
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return new Api({ sandboxEndpoint: origin, apiEndpoint: origin, token: "ddo_secret", caFile: null });
}

describe("the API", () => {
  test("gets the token and JSON, and a response may have no body", async () => {
    const api = await serve((request, response) => {
      if (request.method === "DELETE") return void response.writeHead(204).end();
      request.on("data", (body) =>
        response.end(JSON.stringify({ auth: request.headers.authorization, body: JSON.parse(String(body)) })),
      );
    });
    assert.deepEqual(await api.json("POST", "/x", { a: 1 }), { auth: "Bearer ddo_secret", body: { a: 1 } });
    assert.equal(await api.json("DELETE", "/x"), undefined);
  });

  test("lists are read page by page", async () => {
    const api = await serve((request, response) => {
      const cursor = new URL(request.url!, "http://x").searchParams.get("cursor");
      if (!cursor) response.setHeader("link", '<http://public.example/list?cursor=2>; rel="next"');
      response.end(JSON.stringify(cursor ? [3] : [1, 2]));
    });
    assert.deepEqual(await Array.fromAsync(api.all("/list")), [1, 2, 3]);
  });

  test("refusals keep the server's message and get the exit code of their kind", async () => {
    const api = await serve((request, response) => {
      const status = Number(request.url!.slice(1));
      response
        .writeHead(status)
        .end(
          status === 502 ? "<html>bad gateway</html>" : JSON.stringify({ code: "SOME_CODE", message: "What and how." }),
        );
    });
    for (const [status, exitCode] of [
      [400, 2],
      [401, 4],
      [403, 4],
      [404, 3],
      [409, 5],
      [429, 6],
      [503, 6],
      [507, 6],
      [500, 1],
    ] as const) {
      await assert.rejects(api.json("GET", `/${status}`), hasCode("SOME_CODE", exitCode), String(status));
    }
    await assert.rejects(api.json("GET", "/502"), hasCode("HTTP_502", 1));
  });

  test("reports that the server does not answer", async () => {
    const api = new Api({ sandboxEndpoint: "", apiEndpoint: "http://127.0.0.1:1", token: "", caFile: null });
    await assert.rejects(api.json("GET", "/"), hasCode("UNREACHABLE", 7));
  });
});

describe("the server to talk to", () => {
  const dataDir = temporaryDirectory();

  test("is the one in the options, then the one in the environment", async () => {
    const env = {
      DENO_SANDBOX_ENDPOINT: "http://env",
      DENO_DEPLOY_ENDPOINT: "http://console/",
      DENO_DEPLOY_TOKEN: "t",
    };
    assert.deepEqual(await findTarget({ options: { endpoint: "http://option/", token: "o" }, env }), {
      sandboxEndpoint: "http://option",
      apiEndpoint: "http://option",
      token: "o",
      caFile: null,
    });
    assert.deepEqual(await findTarget({ options: {}, env }), {
      sandboxEndpoint: "http://env",
      apiEndpoint: "http://console",
      token: "t",
      caFile: null,
    });
  });

  test("is otherwise the one running here; without one, says how to get one", async () => {
    await assert.rejects(requireTarget({ options: { dataDir }, env: {} }), hasCode("NO_SERVER", 7));
    await writeState(dataDir, {
      pid: process.pid,
      startTicks: startTicks(process.pid)!,
      version: "1",
      sandboxEndpoint: "http://here",
      apiEndpoint: "http://here",
      token: "own",
      caFile: null,
    });
    const target = await requireTarget({ options: { dataDir }, env: {} });
    assert.equal(target.sandboxEndpoint, "http://here");
    assert.equal(target.token, "own");
  });

  test("requires a token when it is named", async () => {
    await assert.rejects(findTarget({ options: { endpoint: "http://x" }, env: {} }), hasCode("NOT_AUTHENTICATED", 4));
  });
});

test("an id comes from the argument, otherwise from SANDBOX_ID, and must be valid", () => {
  assert.equal(sandboxId(ID, { SANDBOX_ID: "x" }), ID);
  assert.equal(sandboxId("-", { SANDBOX_ID: ID }), ID);
  assert.equal(sandboxId(undefined, { SANDBOX_ID: ID }), ID);
  assert.throws(() => sandboxId(undefined, {}), UsageError);
  assert.throws(() => sandboxId("../x", {}), hasCode("NOT_AN_ID", 2));
});

test("options become the SDK's", () => {
  assert.deepEqual(createOptions({}, {}), {});
  assert.deepEqual(
    createOptions(
      { net: true, allowNet: ["a"], memory: 2_048, timeout: 90_000, label: { a: "b" }, env: { X: "1" } },
      {},
    ),
    {
      allowNet: ["a"],
      memory: "2048MiB",
      timeout: "90s",
      labels: { a: "b" },
      env: { X: "1" },
    },
  );
  const mounts = { "/data": { volume: "data", readOnly: true } };
  assert.deepEqual(createOptions({ root: "base", volume: mounts }, {}), { root: "base", volumes: mounts });
  assert.deepEqual(createOptions({ net: false, allowNet: ["a"] }, {}), { allowNet: [] });
  const secret = collectSecret("KEY=MY_KEY@a.example,*.b.example:443");
  assert.deepEqual(createOptions({ denyNet: ["b"], secret }, { MY_KEY: "hunter2" }), {
    egress: { deny: ["b"] },
    secrets: { KEY: { hosts: ["a.example", "*.b.example:443"], value: "hunter2" } },
  });
  assert.throws(
    () => createOptions({ secret }, {}),
    (error) => error instanceof UsageError && /no MY_KEY/.test(error.message),
  );
  const formed = collectSecret("TOKEN=MY_KEY@a.example,b.example#ghp_...{36}", secret);
  assert.deepEqual(createOptions({ secret: formed }, { MY_KEY: "hunter2" }).secrets, {
    KEY: { hosts: ["a.example", "*.b.example:443"], value: "hunter2" },
    TOKEN: { hosts: ["a.example", "b.example"], value: "hunter2", placeholder: "ghp_...{36}" },
  });
  for (const text of ["KEY", "KEY=hunter2", "KEY=V@#sk-...", "KEY=V@a#", "=V@a", "KEY=@a", "KEY=V@", "KEY=V@,"]) {
    assert.throws(
      () => collectSecret(text),
      (error) => error instanceof UsageError && !error.message.includes("hunter2"),
    );
  }
});

test("labels become the query that the API expects", () => {
  assert.equal(String(labelQuery({ "a b": "c&d" })), "labels%5Ba+b%5D=c%26d");
});

import assert from "node:assert/strict";
import { test } from "node:test";
import type { SandboxOptions } from "sandkeep";
import type { Sdk } from "../harness/sdk.ts";

/** Every error that clients raise themselves, and what the server refuses. */
export default function refusals(sdk: Sdk): void {
  const {
    ApiError,
    Client,
    ConnectionClosedError,
    ConnectionEstablishmentError,
    InvalidMemoryError,
    InvalidTimeoutError,
  } = sdk.module;
  const { InvalidTokenError, MissingTokenError, NetworkError, RpcError, Sandbox, SandboxKillError, SandboxSdkError } =
    sdk.module;

  async function refusalOf(
    options: SandboxOptions,
  ): Promise<Error & { status?: number; code?: string; traceId?: string }> {
    return await Sandbox.create(options).then(
      async (sandbox) => {
        await sandbox.close();
        return assert.fail("the sandbox was created");
      },
      (error) => error,
    );
  }

  test("a token is needed, and must be right", async () => {
    const { DENO_DEPLOY_TOKEN: token } = process.env;
    delete process.env.DENO_DEPLOY_TOKEN;
    try {
      assert.throws(() => new Client(), MissingTokenError);
      assert.ok((await refusalOf({})) instanceof MissingTokenError);
    } finally {
      process.env.DENO_DEPLOY_TOKEN = token;
    }
    const invalid = await refusalOf({ token: "ddo_not_a_token" });
    assert.ok(invalid instanceof InvalidTokenError && invalid instanceof SandboxSdkError);
    const refused = await new Client({ token: "ddo_not_a_token" }).sandboxes.list().catch((error) => error);
    assert.ok(refused instanceof ApiError);
    assert.deepEqual([refused.status, refused.code], [401, "INVALID_TOKEN"]);
    assert.equal((await refusalOf({ token: "ddp_personal" })).name, "MissingOrgError");
  });

  test("endpoints must be origins", async () => {
    assert.equal((await refusalOf({ sandboxEndpoint: "http://127.0.0.1:1/" })).name, "InvalidSandboxEndpoint");
    assert.equal((await refusalOf({ apiEndpoint: "http://127.0.0.1:1/" })).name, "InvalidApiEndpoint");
  });

  test("memory and timeouts are checked before anybody is asked", async () => {
    for (const memory of ["128MiB", "8GiB", 1280, "1TiB", "much"] as NonNullable<SandboxOptions["memory"]>[]) {
      assert.ok((await refusalOf({ memory })) instanceof InvalidMemoryError, String(memory));
    }
    for (const timeout of ["0s", "-1m", "5h", "soon"] as NonNullable<SandboxOptions["timeout"]>[]) {
      assert.ok((await refusalOf({ timeout })) instanceof InvalidTimeoutError, timeout);
    }
    await using sandbox = await Sandbox.create();
    await assert.rejects(() => sandbox.extendTimeout("session" as "1m"), InvalidTimeoutError);
  });

  test("the server refuses what it cannot do, and says what", async () => {
    const tooLong = await refusalOf({ timeout: "100000m" });
    assert.ok(tooLong instanceof ConnectionEstablishmentError);
    assert.deepEqual([tooLong.status, tooLong.code], [400, "INVALID_TIMEOUT"]);
    assert.ok(tooLong.traceId);
    const labels = await refusalOf({
      labels: Object.fromEntries(Array.from({ length: 6 }, (_, index) => [`k${index}`, "v"])),
    });
    assert.deepEqual([labels.status, labels.code], [400, "INVALID_CONFIG"]);
    assert.match(labels.message, /label/i);
    for (const bad of [{ ["k".repeat(65)]: "v" }, { k: "v".repeat(129) }])
      assert.equal((await refusalOf({ labels: bad })).code, "INVALID_CONFIG");
    const noHosts = await refusalOf({ secrets: { KEY: { hosts: [], value: "x" } } });
    assert.equal(noHosts.code, "INVALID_CONFIG");
    for (const options of [
      { allowNet: ["https://api.example.com/v1"] },
      { secrets: { KEY: { hosts: ["203.0.113.1"], value: "x" } } },
    ]) {
      const pattern = await refusalOf(options);
      assert.equal(pattern.code, "INVALID_CONFIG");
      assert.match(
        pattern.message,
        /"(https:\/\/api\.example\.com\/v1|203\.0\.113\.1)" is not valid: it is (a URL|an address)/,
      );
    }
  });

  test("what a later version brings is refused clearly", async () => {
    await using sandbox = await Sandbox.create();
    const client = new Client();
    const refused: Record<string, () => Promise<unknown>> = {
      exposeVscode: () => sandbox.exposeVscode(),
      deploy: () => sandbox.deploy("app", { build: { mode: "local", buildCommand: "true" } }),
      "apps.deploy": () => client.apps.deploy("app", { assets: {} }),
    };
    for (const [what, call] of Object.entries(refused)) {
      const error = await call().then(
        () => assert.fail(`${what} did something`),
        (error) => error,
      );
      assert.match(String(error.message), /later version|this version/i, what);
    }
    assert.equal(await sandbox.sh`echo unharmed`.text(), "unharmed\n");
  });

  test("nobody is there", async () => {
    const nowhere = { token: "ddo_x", sandboxEndpoint: "http://127.0.0.1:1", apiEndpoint: "http://127.0.0.1:1" };
    const error = await new Client(nowhere).sandboxes.list().catch((error) => error);
    assert.ok(error instanceof NetworkError && error.cause);
    // The platform's own client also prints the error; ours only throws it.
    if (!sdk.official) assert.ok((await refusalOf(nowhere)) instanceof NetworkError);
  });

  test("an id must be one, and of a sandbox that runs", async () => {
    assert.throws(() => {
      const connecting = Sandbox.connect("not-an-id");
      connecting.catch(() => {});
      // Our client rejects; the platform's own throws at once.
      if (!sdk.official) throw new TypeError("rejects");
    }, TypeError);
    if (!sdk.official) await assert.rejects(() => Sandbox.connect("not-an-id"), TypeError);
    const error = await Sandbox.connect("sbx_ord_00000000000000000000").catch((error) => error);
    assert.ok(error instanceof ConnectionEstablishmentError);
    assert.deepEqual([error.status, error.code], [404, "SANDBOX_NOT_FOUND"]);
  });

  test("a connection that is closed is of no use, and says so", async () => {
    const sandbox = await Sandbox.create();
    await sandbox.close();
    for (const call of [
      () => sandbox.fs.stat("/"),
      () => sandbox.env.get("A"),
      () => sandbox.spawn("true"),
      () => sandbox.fetch("http://localhost"),
    ]) {
      await assert.rejects(call, ConnectionClosedError);
    }
    await sandbox.close();
    const error = await sandbox.kill().then(
      () => null,
      (error) => error,
    );
    assert.ok(error === null || error instanceof SandboxKillError, String(error));
  });

  test("parameters that do not fit are refused by the server, and named", async () => {
    await using sandbox = await Sandbox.create();
    // The platform's own client checks its parameters itself.
    const error = await sandbox.env.get(42 as unknown as string).catch((error) => error);
    if (sdk.official) return assert.ok(error instanceof Error);
    assert.ok(error instanceof RpcError);
    assert.equal(error.code, -32602);
    assert.match(JSON.stringify(error.data), /key/);
  });
}

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { InvalidApiEndpoint, InvalidSandboxEndpoint, MissingOrgError, MissingTokenError } from "../errors/settings.ts";
import { authHeaders, LOCAL_SERVER, resolveClient, resolveSandboxEndpoint } from "./settings.ts";

const NAMES = [
  "SANDKEEP_TOKEN",
  "SANDKEEP_API_ENDPOINT",
  "SANDKEEP_SANDBOX_ENDPOINT",
  "DENO_DEPLOY_TOKEN",
  "DENO_DEPLOY_ORG",
  "DENO_DEPLOY_ENDPOINT",
  "DENO_SANDBOX_ENDPOINT",
  "DENO_SANDBOX_BASE_DOMAIN",
];
let before: Record<string, string | undefined>;

beforeEach(() => {
  before = Object.fromEntries(NAMES.map((name) => [name, process.env[name]]));
  for (const name of NAMES) delete process.env[name];
});

afterEach(() => {
  for (const [name, value] of Object.entries(before)) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
});

test("uses the local server when nothing is set, and requires a token", () => {
  assert.throws(() => resolveClient(), MissingTokenError);
  assert.deepEqual(resolveClient({ token: "ddo_a" }), { token: "ddo_a", org: undefined, apiEndpoint: LOCAL_SERVER });
  assert.equal(resolveSandboxEndpoint(), LOCAL_SERVER);
});

test("accepts the platform's variables, and Sandkeep's with precedence", () => {
  process.env.DENO_DEPLOY_TOKEN = "ddo_deno";
  process.env.DENO_DEPLOY_ENDPOINT = "https://api.example.test";
  process.env.DENO_SANDBOX_ENDPOINT = "https://sandbox.example.test";
  process.env.DENO_DEPLOY_ORG = "acme";
  assert.deepEqual(resolveClient(), { token: "ddo_deno", org: "acme", apiEndpoint: "https://api.example.test" });
  assert.equal(resolveSandboxEndpoint(), "https://sandbox.example.test");

  process.env.SANDKEEP_TOKEN = "ddo_sandkeep";
  process.env.SANDKEEP_API_ENDPOINT = "http://127.0.0.1:1";
  process.env.SANDKEEP_SANDBOX_ENDPOINT = "http://127.0.0.1:2";
  assert.deepEqual(resolveClient(), { token: "ddo_sandkeep", org: "acme", apiEndpoint: "http://127.0.0.1:1" });
  assert.equal(resolveSandboxEndpoint(), "http://127.0.0.1:2");
});

test("options take precedence over the environment", () => {
  process.env.SANDKEEP_TOKEN = "ddo_env";
  assert.equal(resolveClient({ token: "ddo_option" }).token, "ddo_option");
  process.env.SANDKEEP_SANDBOX_ENDPOINT = "http://127.0.0.1:2";
  assert.equal(resolveSandboxEndpoint({ sandboxEndpoint: "http://127.0.0.1:3" }), "http://127.0.0.1:3");
  assert.equal(
    resolveSandboxEndpoint({ region: "ams", sandboxEndpoint: (region) => `https://${region}.example.test` }),
    "https://ams.example.test",
  );
});

test("puts the region before a base domain", () => {
  process.env.DENO_SANDBOX_BASE_DOMAIN = "example.test";
  assert.equal(resolveSandboxEndpoint(), "https://ord.example.test");
  assert.equal(resolveSandboxEndpoint({ region: "ams" }), "https://ams.example.test");
});

test("requires an organisation unless the token is an organisation token", () => {
  assert.throws(() => resolveClient({ token: "ddp_me" }), MissingOrgError);
  assert.equal(resolveClient({ token: "ddp_me", org: "acme" }).org, "acme");
});

test("refuses endpoints that are not an origin", () => {
  for (const endpoint of ["http://127.0.0.1:7777/", "127.0.0.1:7777", "ws://127.0.0.1", "http://"]) {
    assert.throws(() => resolveClient({ token: "ddo_a", apiEndpoint: endpoint }), InvalidApiEndpoint, endpoint);
    assert.throws(() => resolveSandboxEndpoint({ sandboxEndpoint: endpoint }), InvalidSandboxEndpoint, endpoint);
  }
});

test("sends the header with the organisation only if there is one", () => {
  assert.deepEqual(authHeaders("ddo_a", undefined), { authorization: "Bearer ddo_a" });
  assert.deepEqual(authHeaders("ddp_a", "acme"), { authorization: "Bearer ddp_a", "x-deno-org": "acme" });
});

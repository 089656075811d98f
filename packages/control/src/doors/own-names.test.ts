/** The server's own names may be among those of doors: they stay its own. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { parseConfig } from "../config/load.ts";
import { create, type TestClient } from "../testing/client.ts";
import { Fixture } from "../testing/fixture.ts";
import { ownNames } from "../tls/own-names.ts";

describe("the server's own names", async () => {
  let fixture: Fixture;
  let client: TestClient;
  before(async () => {
    fixture = await Fixture.start({
      hostnames: ["api.example.test", "Intern.example.test", "*.example.test", "10.0.0.1"],
      doors: { domain: "example.test" },
    });
    client = await create(fixture);
  });
  after(() => fixture[Symbol.asyncDispose]());

  async function visit(host: string): Promise<{ status: number; body: string }> {
    const { port } = fixture.server;
    const headers = { host, authorization: `Bearer ${fixture.server.token}` };
    const request = httpRequest({ host: "127.0.0.1", port, path: "/api/v1/sandboxes", headers, agent: false }).end();
    const [response] = (await once(request, "response")) as [IncomingMessage];
    return { status: response.statusCode!, body: await text(response) };
  }

  test("lead to the API", async () => {
    for (const host of ["api.example.test", "API.example.test:443", "intern.example.test"])
      assert.equal((await visit(host)).status, 200, host);
    const { status, body } = await visit("other.example.test");
    assert.deepEqual([status, JSON.parse(body).code], [404, "DOOR_NOT_FOUND"]);
  });

  test("include that of the public URL", () => {
    assert.ok(ownNames(parseConfig({ publicUrl: "https://api.example.test:8443" })).includes("api.example.test"));
  });

  test("are no names for doors, nor are names that people take for the operator's", async () => {
    for (const name of ["api", "intern", "www", "admin", "wpad"]) {
      const body = { port: 8000, name };
      const response = await fixture.request("POST", `/api/v3/sandbox/${client.id}/expose/http`, { body });
      const { code } = (await response.json()) as { code: string };
      assert.deepEqual([response.status, code], [409, "SLUG_ALREADY_IN_USE"], name);
    }
  });
});

/** FOR TESTS ONLY: opens doors over the API, and comes through them. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import { request as httpsRequest } from "node:https";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { ExposeAnswer } from "@sandkeep/protocol";
import type { Fixture } from "../../testing/fixture.ts";

export interface Got {
  status: number;
  headers: IncomingMessage["headers"];
  body: string;
}

export async function expose(fixture: Fixture, id: string, body: object, token?: string): Promise<ExposeAnswer> {
  const response = await fixture.request("POST", `/api/v3/sandbox/${id}/expose/http`, {
    body,
    ...(token !== undefined && { token }),
  });
  const answer = (await response.json()) as ExposeAnswer & { message?: string };
  assert.equal(response.status, 200, answer.message);
  return answer;
}

/** A request through the gateway, as a browser makes it. */
export async function visit(
  fixture: Fixture,
  domain: string,
  path = "/",
  headers: Record<string, string> = {},
): Promise<Got> {
  const response = await ask(fixture, domain, path, headers);
  return { status: response.statusCode!, headers: response.headers, body: await text(response) };
}

/** Status and code of an error. */
export const codeOf = (got: Pick<Got, "status" | "body">) => [
  got.status,
  (JSON.parse(got.body) as { code: string }).code,
];

/** Comes through a door to a server whose answers do not end. `left` settles when the visitor has had to leave. */
export async function stay(fixture: Fixture, domain: string): Promise<{ left: Promise<unknown>; leave(): void }> {
  const response = await ask(fixture, domain);
  const left = once(response.resume(), "error");
  return { left, leave: () => void (left.catch(() => {}), response.destroy()) };
}

async function ask(
  fixture: Fixture,
  domain: string,
  path = "/",
  headers: Record<string, string> = {},
): Promise<IncomingMessage> {
  const { hostname: servername } = new URL(`https://${domain}`);
  const request = httpsRequest({
    host: "127.0.0.1",
    port: fixture.server.port,
    servername,
    path,
    headers: { host: domain, ...headers },
    ca: await readFile(fixture.server.doorsCaFile!),
    agent: false,
  }).end();
  const [response] = (await once(request, "response")) as [IncomingMessage];
  return response;
}

/** A server of this process, which the guest's agent of a test can reach. */
export class Listening implements AsyncDisposable {
  readonly port: number;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    ({ port: this.port } = server.address() as AddressInfo);
  }

  static async start(listener: RequestListener): Promise<Listening> {
    const server = createServer(listener);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new Listening(server);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

/** Its answers begin and do not end. */
export const endlessServer = () => Listening.start((_request, response) => void response.write("first"));

/** It answers with the host and the path that it was asked for. */
export const echoServer = () =>
  Listening.start((request, response) => response.end(`${request.headers.host} ${request.url}`));

import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import { text } from "node:stream/consumers";

/** Visits a door on this computer, whose name not every resolver knows. Who trusts which certificate is tested with curl. */
export async function visit(address: string): Promise<{ status: number; body: string }> {
  const { hostname: servername, host, port, pathname, search } = new URL(address);
  const sent = request({
    host: "127.0.0.1",
    port,
    servername,
    path: pathname + search,
    headers: { host },
    rejectUnauthorized: false,
    agent: false,
  }).end();
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  return { status: response.statusCode!, body: await text(response) };
}

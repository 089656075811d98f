import type { StorageFinding } from "@sandkeep/protocol";
import type { Hono } from "hono";
import type { Env, Services } from "../../env.ts";
import { resource } from "../../resource.ts";

/** A check of all disks of this server's hosts, whoever they belong to: an extension of Sandkeep. */
export function findingRoutes(app: Hono<Env>, { hosts }: Services): void {
  async function* lines(): AsyncGenerator<string> {
    for (const { id: host, storage } of hosts.all)
      for await (const { disk, state, detail } of storage.verify()) {
        const finding: StorageFinding = { host, disk, state, detail };
        yield `${JSON.stringify(finding)}\n`;
      }
  }
  resource(app, "/api/v1/storage/findings", {
    GET: () =>
      new Response(ReadableStream.from(lines()).pipeThrough(new TextEncoderStream()), {
        headers: { "content-type": "application/jsonl" },
      }),
  });
}

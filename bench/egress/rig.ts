import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { EgressConfig } from "@sandkeep/egress";
import { buildClient, Client, type ClientOptions } from "./client.ts";
import { UPSTREAM_NAME, type UpstreamPorts } from "./upstream.ts";

/** The upstream's process, and the settings that make it reachable. */
export interface Rig extends AsyncDisposable {
  ports: UpstreamPorts;
  /** PEM file of the CA that signed its certificate. */
  caFile: string;
  /** For the proxy, or for a server's configuration. */
  config: EgressConfig;
  /** Starts a client of the upstream: straight, unless told otherwise. */
  client(options?: Partial<ClientOptions>): Promise<Client>;
}

/** The port without TLS has a name of its own, because a static name maps to one port. */
export const PLAIN_NAME = `plain.${UPSTREAM_NAME}`;

/** Starts the upstream, and builds its client. */
export async function startRig(): Promise<Rig> {
  const dir = await mkdtemp(join(tmpdir(), "sandkeep-bench-"));
  const program = await buildClient(dir);
  const main = fileURLToPath(new URL("./upstream.ts", import.meta.url));
  const child = spawn(process.execPath, [...process.execArgv, main, dir], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(child, "exit");
  const [line] = (await Promise.race([
    once(createInterface(child.stdout), "line"),
    ended.then(() => Promise.reject(new Error("the upstream of the measurements did not start"))),
  ])) as [string];
  const ports = JSON.parse(line) as UpstreamPorts;
  const caFile = join(dir, "ca.pem");
  const straight = { program, caFile, through: ports.https };
  return {
    client: (options) => Client.start({ ...straight, ...options }),
    ports,
    caFile,
    config: {
      hosts: { [UPSTREAM_NAME]: `127.0.0.1:${ports.https}`, [PLAIN_NAME]: `127.0.0.1:${ports.http}` },
      caFiles: [caFile],
      passThrough: [],
      dnsServers: [],
      upstreamProxy: null,
      hooks: null,
      processes: 1,
    },
    [Symbol.asyncDispose]: async () => {
      child.stdin.end();
      await ended;
      await rm(dir, { recursive: true, force: true });
    },
  };
}

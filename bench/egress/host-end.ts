import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { Agent, get, type IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { connect } from "node:tls";
import { silentLogger } from "@sandkeep/common";
import { authorityPem, EgressProxies, type EgressSpec, newPlaceholder, Sealer } from "@sandkeep/egress";
import { FakeGuest } from "@sandkeep/egress/testing";
import type { BenchContext } from "../context.ts";
import type { Figures } from "../figures.ts";
import { pssBytes } from "../processes.ts";
import { percentile, rounded, summarize } from "../statistics.ts";
import type { Rig } from "./rig.ts";
import { measureStream } from "./stream.ts";
import { EVENTS, UPSTREAM_NAME } from "./upstream.ts";

/** Requests of each kind, alternating. */
const REQUESTS = 400;
const WARM_UP = 50;
const CONNECTIONS = 2_000;
/** Connections that are opened at the same time. */
const AT_ONCE = 16;

/**
 * What the proxy costs without a machine: this process plays the guest, and for the processor time of bodies a program in Go does too.
 */
export async function measureEgressHostEnd(context: BenchContext, rig: Rig): Promise<Partial<Figures>> {
  const dir = await mkdtemp(join(tmpdir(), "sandkeep-bench-"));
  await using resources = new AsyncDisposableStack();
  resources.defer(() => rm(dir, { recursive: true, force: true }));
  const ca = await authorityPem(dir);
  const sealer = await Sealer.open(join(dir, "secrets.key"));
  const placeholder = newPlaceholder();
  const proxy = resources.use(
    new EgressProxies({
      dir,
      folder: join(dir, "ports"),
      jail: "full",
      config: rig.config,
      log: silentLogger,
      onEvent: async () => {},
      onViolation: () => {},
    }),
  );
  const guest = resources.use(await FakeGuest.listen(join(dir, "guest")));
  const spec: EgressSpec = {
    policy: { allow: [UPSTREAM_NAME], deny: [], rules: [] },
    // A secret for the host, so that responses are searched for it.
    secrets: [
      {
        name: "KEY",
        placeholder,
        hosts: [UPSTREAM_NAME],
        in: [],
        sealed: sealer.seal("sk-bench-0123456789abcdefghijklmnopqrstuvwxyz", placeholder),
      },
    ],
  };
  await proxy.attach("bench", guest.socket, spec);
  const through = async () => client(await secured(await guest.connectTo(UPSTREAM_NAME, 443), ca), placeholder);
  const directly = async () =>
    client(
      connect({ host: "127.0.0.1", port: rig.ports.https, servername: UPSTREAM_NAME, ca: await readFile(rig.caFile) }),
      placeholder,
    );

  const [proxied, direct] = [await through(), await directly()];
  for (let i = 0; i < WARM_UP; i++) await Promise.all([proxied("/"), direct("/")]);
  const samples = { proxied: [] as number[], direct: [] as number[] };
  for (let i = 0; i < context.times(REQUESTS); i++) {
    samples.proxied.push((await proxied("/")).ms);
    samples.direct.push((await direct("/")).ms);
  }
  const added = (part: number) => rounded(percentile(samples.proxied, part) - percentile(samples.direct, part));

  const delays: number[] = [];
  await proxied("/events", (chunk) => {
    for (const [, sent] of chunk.toString().matchAll(/data: (\d+)\n\n/g))
      delays.push(Number(process.hrtime.bigint() - BigInt(sent!)) / 1e6);
  });
  if (delays.length !== EVENTS) throw new Error(`${delays.length} of ${EVENTS} events came through the proxy`);

  // Before any body: what is left of bodies in the heap would hide what connections need.
  const connections = await manyConnections(context, proxy, through);
  return {
    egress_added: { p50: added(0.5), p95: added(0.95), n: samples.proxied.length },
    ...(await measureStream(context, rig, { proxy, dir, ca, spec, placeholder, proxied, direct })),
    egress_first_byte: summarize(delays),
    egress_tls_connections: connections,
  };
}

/** Thousands of connections open at once, each of which has carried a request, and how much the proxy's memory grew. */
async function manyConnections(
  context: BenchContext,
  proxy: EgressProxies,
  through: () => Promise<(path: string) => Promise<{ bytes: number }>>,
) {
  const before = pssBytes([proxy.pids[0]!]);
  let ok = 0;
  let begun = 0;
  const open: unknown[] = [];
  const total = context.times(CONNECTIONS);
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (begun < total) {
        begun++;
        const request = await through();
        if ((await request("/")).bytes === 2) ok++;
        open.push(request);
      }
    }),
  );
  return { ok, memory_MB: rounded((pssBytes([proxy.pids[0]!]) - before) / 1e6) };
}

async function secured(flow: Duplex, ca: string): Promise<Duplex> {
  const socket = connect({ socket: flow, servername: UPSTREAM_NAME, ca });
  await once(socket, "secureConnect");
  return socket;
}

/** Sends requests on one connection, one after the other. */
function client(socket: Duplex, placeholder: string) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  agent.createConnection = () => socket;
  return async (path: string, onData: (chunk: Buffer) => void = () => {}): Promise<{ ms: number; bytes: number }> => {
    const started = performance.now();
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      get({ host: UPSTREAM_NAME, path, agent, headers: { authorization: `Bearer ${placeholder}` } }, resolve).once(
        "error",
        reject,
      );
    });
    let bytes = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      onData(chunk);
    }
    if (response.statusCode !== 200) throw new Error(`the upstream answered ${path} with ${response.statusCode}`);
    return { ms: performance.now() - started, bytes };
  };
}

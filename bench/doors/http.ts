import type { Sandbox } from "sandkeep";
import { type BenchContext, timed } from "../context.ts";
import type { Figures } from "../figures.ts";
import { percentile, rounded, summarize } from "../statistics.ts";
import { Echo, visit } from "./client.ts";

/** A large body, bytes. */
const BODY_BYTES = 50_000_000;
const SOCKETS = 500;

/** The server behind the door. */
const SERVER = `
const large = new Uint8Array(${BODY_BYTES});
Deno.serve({ port: 8000, onListen() {} }, (request) => {
  if (request.headers.get("upgrade")) {
    const { socket, response } = Deno.upgradeWebSocket(request);
    socket.onmessage = ({ data }) => socket.send(data);
    return response;
  }
  return new Response(request.url.endsWith("/large") ? large : "hi");
});
`;

/** HTTP through a door, compared with the guest's own loopback. */
export async function measureHttpDoor(context: BenchContext): Promise<Partial<Figures>> {
  await using sandbox = await context.create();
  const server = await sandbox.deno.run({ code: SERVER });
  await server.httpReady;
  const url = await sandbox.exposeHttp({ port: 8000 });
  await visit(url);
  const through: number[] = [];
  const inside: number[] = [];
  const rates: { door: number; loopback: number }[] = [];
  const rounds = context.times(5);
  for (let round = 0; round < rounds; round++) {
    context.progress.fraction(round / (rounds + 1));
    const { times, large } = await loopback(sandbox, context.times(50));
    inside.push(...times);
    for (let at = 0; at < context.times(50); at++) through.push(await timed(() => visit(url)));
    rates.push({ loopback: large, door: await timed(() => visit(url, "/large")) });
  }
  const { p50, p95, n } = summarize(through);
  const [own50, own95] = [percentile(inside, 0.5), percentile(inside, 0.95)];
  const door = percentile(
    rates.map((rate) => rate.door),
    0.5,
  );
  const ratio = percentile(
    rates.map((rate) => rate.loopback / rate.door),
    0.5,
  );
  return {
    door_added: { p50: rounded(p50 - own50), p95: rounded(p95 - own95), n },
    door_stream_MBps: rounded(BODY_BYTES / 1e6 / (door / 1_000)),
    door_stream_ratio: rounded(ratio),
    door_websockets: await measureSockets(context, url),
  };
}

/** The same requests by curl on the guest's own loopback, on one connection: milliseconds of each, and the large body's. */
async function loopback(sandbox: Sandbox, times: number): Promise<{ times: number[]; large: number }> {
  const curl = async (path: string) => {
    const args = ["-sS", "-o", "/dev/null", "-w", "%{time_total}\n", `http://127.0.0.1:8000/${path}`];
    const child = await sandbox.spawn("curl", { args, stdout: "piped" });
    const { stdoutText } = await child.output();
    return stdoutText!
      .trim()
      .split("\n")
      .map((seconds) => Number(seconds) * 1_000);
  };
  const [large = NaN] = await curl("large");
  return { times: await curl(`[1-${times}]`), large };
}

/** Echoes of one WebSocket alone, and of 500 at once. */
async function measureSockets(context: BenchContext, url: string): Promise<Figures["door_websockets"]> {
  const alone: number[] = [];
  using single = await Echo.open(url);
  for (let at = 0; at < context.times(200); at++) alone.push(await single.trip());
  using open = new DisposableStack();
  const sockets: Echo[] = [];
  for (let at = 0; at < context.times(SOCKETS); at++) sockets.push(open.use(await Echo.open(url)));
  const together: number[] = [];
  // In turn, while all are open: at the same moment they would measure how fast the guest echoes.
  for (const socket of sockets) together.push(await socket.trip());
  const ratio = percentile(together, 0.95) / percentile(alone, 0.95);
  return { ok: together.length, ratio: rounded(ratio), alone_p95: rounded(percentile(alone, 0.95)) };
}

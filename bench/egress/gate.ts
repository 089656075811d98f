import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type TLSSocket } from "node:tls";
import { silentLogger } from "@sandkeep/common";
import { authorityPem, EgressProxies, type EgressSpec, newPlaceholder, Sealer } from "@sandkeep/egress";
import { FakeGuest } from "@sandkeep/egress/testing";
import type { Rig } from "./rig.ts";
import { UPSTREAM_NAME } from "./upstream.ts";

/** A proxy of its own in front of the upstream, without a machine: this process plays the guest. */
export interface Gate extends AsyncDisposable {
  proxy: EgressProxies;
  /** Directory for sockets and files. */
  dir: string;
  /** PEM of the CA that the proxy signs with. */
  ca: string;
  /** What a sandbox behind it is. */
  spec: EgressSpec;
  placeholder: string;
  /** Connects to the upstream with TLS: through the proxy, or directly. */
  through(): Promise<TLSSocket>;
  directly(): Promise<TLSSocket>;
}

/** Starts a fresh proxy. The upstream has a secret, so TLS is intercepted and responses are searched for its value. */
export async function startGate(rig: Rig): Promise<Gate> {
  const dir = await mkdtemp(join(tmpdir(), "sandkeep-bench-"));
  await using resources = new AsyncDisposableStack();
  resources.defer(() => rm(dir, { recursive: true, force: true }));
  const ca = await authorityPem(dir);
  const sealer = await Sealer.open(join(dir, "secrets.key"));
  const placeholder = newPlaceholder();
  const proxy = resources.use(
    new EgressProxies({
      hostId: "bench",
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
  const owned = resources.move();
  return {
    proxy,
    dir,
    ca,
    spec,
    placeholder,
    through: async () => {
      const socket = await guest.connectTo(UPSTREAM_NAME, 443);
      return secured(connect({ socket, servername: UPSTREAM_NAME, ca }));
    },
    directly: async () => {
      const upstream = { host: "127.0.0.1", port: rig.ports.https, servername: UPSTREAM_NAME };
      return secured(connect({ ...upstream, ca: await readFile(rig.caFile) }));
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function secured(socket: TLSSocket): Promise<TLSSocket> {
  await once(socket, "secureConnect");
  return socket;
}

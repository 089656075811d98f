import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { get } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { connect } from "node:tls";
import { createAuthority, DAY_MS, issueServerCertificate, keyPem, newKeyPair } from "@sandkeep/common/x509";
import { Listener } from "../../../gateway/listener.ts";
import { Sites } from "../../../gateway/sites.ts";
import { LocalCertificates } from "../../local/local-certificates.ts";
import { AcmeCertificates, type AcmeOptions } from "../acme-certificates.ts";
import { TestClock } from "./clock.ts";
import { Front } from "./front.ts";
import { NameServer } from "./name-server.ts";
import { freePort, Pebble, type PebbleOptions } from "./pebble.ts";
import { TestLog } from "./test-log.ts";

/** The hook writes down what it is asked to do; the name server reads it. */
const HOOK = `#!/bin/sh
cd "$(dirname "$0")"
[ ! -e fail ] || { echo "the provider is down" >&2; exit 3; }
printf '%s %s %s\\n' "$1" "$2" "$3" >> calls
[ ! -e slow ] || [ "$1" = cleanup ] || { : > started; exec sleep 300; }
`;

/** FOR TESTS ONLY: Pebble behind a front, a name server, and the gateway, which uses the certificates under test. */
export class Lab implements AsyncDisposable {
  readonly dir: string;
  readonly clock = new TestClock();
  readonly log = new TestLog();
  readonly front: Front;
  readonly names: NameServer;
  /** Program that changes DNS records. */
  readonly hook: string;
  readonly httpPort: number;
  readonly #tlsPort: number;
  #listener: Listener | null = null;
  readonly #pebbleOptions: PebbleOptions;
  #pebble: Pebble;
  readonly #owned: AsyncDisposableStack;

  private constructor(
    parts: Pick<Lab, "dir" | "front" | "names" | "hook" | "httpPort">,
    tlsPort: number,
    pebble: [PebbleOptions, Pebble],
    owned: AsyncDisposableStack,
  ) {
    this.dir = parts.dir;
    this.front = parts.front;
    this.names = parts.names;
    this.hook = parts.hook;
    this.httpPort = parts.httpPort;
    this.#tlsPort = tlsPort;
    [this.#pebbleOptions, this.#pebble] = pebble;
    this.#owned = owned;
  }

  static async start(options: Pick<PebbleOptions, "externalAccounts" | "rejectNonces"> = {}): Promise<Lab> {
    await using owned = new AsyncDisposableStack();
    const dir = await mkdtemp(join(tmpdir(), "sandkeep-acme-"));
    owned.defer(() => rm(dir, { recursive: true }));
    const own = await ownCertificate(dir);
    const hook = join(dir, "dns", "hook");
    await mkdir(join(dir, "dns"));
    await writeFile(hook, HOOK);
    await chmod(hook, 0o755);
    const names = owned.use(await NameServer.start((name) => texts(dir, name)));
    const front = owned.use(await Front.start(own));
    const [httpPort, tlsPort] = [await freePort(), await freePort()];
    const pebbleOptions = { dir, ...own, nameServer: names.address, httpPort, tlsPort, ...options };
    const pebble = await Pebble.start(pebbleOptions);
    front.target = pebble.port;
    return new Lab({ dir, front, names, hook, httpPort }, tlsPort, [pebbleOptions, pebble], owned.move());
  }

  /** Opens certificates, serves with them, and starts to renew. */
  async open(options: Pick<AcmeOptions, "domains"> & Partial<AcmeOptions>): Promise<AcmeCertificates> {
    const { log, clock } = this;
    const others = await LocalCertificates.open({ dir: join(this.dir, "local"), names: () => ["127.0.0.1"], log });
    const certificates = await AcmeCertificates.open(
      {
        directory: `${this.front.origin}/dir`,
        caFile: join(this.dir, "pebble-ca.pem"),
        challenge: { type: "tls-alpn-01" },
        ...options,
      },
      { dir: join(this.dir, "acme"), others, userAgent: "sandkeep/test", log, clock },
    );
    this.#stopListening();
    const sites = new Sites({ request: (_request, response) => void response.end("hello"), upgrade() {} });
    const address = { host: "127.0.0.1", port: this.#tlsPort };
    this.#listener = await Listener.start({ sites, certificates, plain: false, maxConnections: 100, log, ...address });
    certificates.start();
    return certificates;
  }

  /** The certificate that a client gets who asks for a name, and whether it is valid for one that trusts Pebble. */
  async connect(servername: string): Promise<{ authorized: boolean; serial: string }> {
    const port = this.#tlsPort;
    const socket = connect({ host: "127.0.0.1", port, servername, ca: await this.root(), rejectUnauthorized: false });
    await once(socket, "secureConnect");
    const { authorized } = socket;
    const { serialNumber: serial } = socket.getPeerCertificate();
    socket.destroy();
    return { authorized, serial };
  }

  /** Pebble's root, to which its certificates lead. */
  async root(): Promise<string> {
    const { managementPort } = this.#pebble;
    const sent = get({
      host: "127.0.0.1",
      port: managementPort,
      path: "/roots/0",
      rejectUnauthorized: false,
      agent: false,
    });
    const [response] = await once(sent, "response");
    return await text(response);
  }

  /** Replaces Pebble by a new one, which has forgotten everything. */
  async restartPebble(): Promise<void> {
    await this.#pebble[Symbol.asyncDispose]();
    this.#pebble = await Pebble.start(this.#pebbleOptions);
    this.front.target = this.#pebble.port;
  }

  /** What the hook was asked to do. */
  async hookCalls(): Promise<string[][]> {
    return await hookCalls(this.dir);
  }

  #stopListening(): void {
    this.#listener?.close();
    this.#listener?.closeAllConnections();
    this.#listener = null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopListening();
    await this.#pebble[Symbol.asyncDispose]();
    await this.#owned.disposeAsync();
  }
}

async function hookCalls(dir: string): Promise<string[][]> {
  const calls = await readFile(join(dir, "dns", "calls"), "utf8").catch(() => "");
  return calls
    .split("\n")
    .slice(0, -1)
    .map((line) => line.split(" "));
}

/** The records that the hook has added and not removed. */
async function texts(dir: string, name: string): Promise<string[]> {
  const present = new Set<string>();
  for (const [action, record, value] of await hookCalls(dir)) {
    if (record !== `${name}.`) continue;
    if (action === "present") present.add(value!);
    else present.delete(value!);
  }
  return [...present];
}

/** The certificate of the front and of Pebble, as files and as text. */
async function ownCertificate(dir: string) {
  const authority = await createAuthority("Test");
  const { publicKey, privateKey } = await newKeyPair();
  const names = ["127.0.0.1"];
  const cert = await issueServerCertificate(authority, { commonName: "Pebble", names, publicKey, validMs: DAY_MS });
  const key = keyPem(privateKey);
  const certFile = join(dir, "pebble.pem");
  const keyFile = join(dir, "pebble-key.pem");
  await writeFile(join(dir, "pebble-ca.pem"), authority.pem);
  await writeFile(certFile, cert);
  await writeFile(keyFile, key);
  return { cert, key, certFile, keyFile };
}

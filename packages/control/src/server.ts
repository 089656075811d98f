import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { KeyedQueue, type Logger, persistentId } from "@sandkeep/common";
import { DoorSite, Listener, type ListenerOptions, Sites } from "@sandkeep/doors";
import type { Host } from "@sandkeep/host";
import { openStore } from "@sandkeep/store";
import { AppService } from "./apps/service.ts";
import { Authenticator } from "./auth/authenticator.ts";
import { ensureAdminToken, ensureOrganisation } from "./auth/bootstrap.ts";
import { settlesWithProgress } from "./bounded.ts";
import { ConfigError, parseConfig } from "./config/load.ts";
import type { Config, ConfigInput } from "./config/schema.ts";
import { lockDataDir } from "./data-dir-lock.ts";
import { Addresses } from "./doors/addresses.ts";
import { DoorTable } from "./doors/door-table.ts";
import { SshService } from "./doors/ssh/ssh-service.ts";
import { TerminalService } from "./doors/terminal/terminal-service.ts";
import { EGRESS_DIR, openSealer } from "./egress/sealing.ts";
import { EventBus } from "./events/bus.ts";
import { EgressLog } from "./events/egress-log.ts";
import { EgressReader } from "./events/egress-reader.ts";
import { keepWithinRetention } from "./events/retention.ts";
import { Hosts } from "./hosts.ts";
import { apiSite } from "./http/api-site.ts";
import { createLogger } from "./log/logger.ts";
import { Heartbeat } from "./sandboxes/heartbeat.ts";
import { Inflow } from "./sandboxes/inflow.ts";
import { SandboxLeases } from "./sandboxes/sandbox-leases.ts";
import { Sandboxes } from "./sandboxes/sandboxes.ts";
import type { StorageContext } from "./storage/context.ts";
import { Holders } from "./storage/holders.ts";
import { Transfers } from "./storage/transfer/transfers.ts";
import { Upkeep } from "./storage/upkeep.ts";
import { openCertificates } from "./tls/open-certificates.ts";
import { ownNames } from "./tls/own-names.ts";
import { VERSION } from "./version.ts";

/** File in the data directory. */
const DATABASE_FILE = "sandkeep.db";
/** File in the data directory with the id of the control plane that uses it. */
const OWNER_FILE = "control-plane-id";

/** Share of the connections that visitors of doors may have, so that the API, on the same port, has some left. */
const DOORS_SHARE = 0.75;

export interface ServerOptions {
  /** The hosts. The server closes them, even if it fails to start. */
  hosts: readonly Host[];
  /** The store's SQLite file, which servers may share; by default a file in the data directory. */
  databaseFile?: string;
  /** The configuration; everything has a default. */
  config?: ConfigInput;
  log?: Logger;
}

/** A running server. */
export interface Server {
  /** Origins for `DENO_SANDBOX_ENDPOINT` and `DENO_DEPLOY_ENDPOINT`; they are the same. */
  readonly sandboxEndpoint: string;
  readonly apiEndpoint: string;
  /** PEM file that clients must trust, if the certificate comes from the local CA. */
  readonly caFile: string | null;
  /** Doors have names in this domain. */
  readonly domain: string;
  /** The same for doors. */
  readonly doorsCaFile: string | null;
  /** Port for SSH; null if it is turned off. */
  readonly sshPort: number | null;
  /** An administrator's token. */
  readonly token: string;
  readonly port: number;
  /**
   * Stops the server: accepts nothing new, ends every sandbox and tells its clients, and waits until everything is on
   * disk, within the configured time. With `leaveRunning`, sandboxes with a duration keep running, and the next start
   * takes them over.
   */
  close(options?: { leaveRunning?: boolean }): Promise<void>;
}

/**
 * Starts the control plane.
 *
 * @throws {ConfigError} for a configuration that cannot be used
 */
export async function startServer(options: ServerOptions): Promise<Server> {
  const { hosts: given, config: input = {}, log: givenLog } = options;
  const config = parseConfig(input);
  const log = givenLog ?? createLogger(config.log.level);
  const { limits } = config;
  const startedAt = Date.now();
  // Whether sandboxes with a duration outlive this server. They do if the start fails halfway.
  let leaveRunning = true;
  const within = async (what: string, work: Promise<unknown>, left = () => 0) => {
    const done = await settlesWithProgress(work, limits.stopTimeoutMs, left);
    if (!done) log.error({ what }, "gave up waiting");
    return done;
  };

  // What has been started so far, in order of dependency; disposed of in reverse.
  await using started = new AsyncDisposableStack();
  const hosts = new Hosts(given);
  started.defer(async () => void (await within("hosts", hosts.close({ leaveKept: leaveRunning }))));
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
  started.use(await lockDataDir(config.dataDir));
  const store = started.use(openStore({ sqlite: options.databaseFile ?? join(config.dataDir, DATABASE_FILE) }));
  const events = started.use(new EventBus(store.events, log));
  started.defer(keepWithinRetention(store, events, config.events, log));
  const owner = await persistentId(join(config.dataDir, OWNER_FILE), "cp");
  const authenticator = started.use(new Authenticator(store.tokens));
  const organisation = await ensureOrganisation(store, config.organisation);
  const token = await ensureAdminToken(store, organisation, config.dataDir);

  const { sealer, sealedIsLost } = await openSealer(join(config.dataDir, EGRESS_DIR), store.sealing, owner, log);
  const leases = new SandboxLeases({ owner, store: store.sandboxes, log });
  const egressLog = new EgressLog(events, store.events, config.events.maxEgressPerSandbox, log);
  const heartbeat = started.use(new Heartbeat({ silentMs: limits.silentClientMs, busyMs: limits.busyClientMs }));
  const inflow = new Inflow(limits.incomingBytes);
  const storage: StorageContext = {
    disks: store.disks,
    hosts,
    events,
    owner,
    holders: new Holders(store.disks),
    creating: new Set(),
    growing: new KeyedQueue(),
    transfers: new Transfers(),
    region: config.region,
    limits: config.storage,
    log,
  };
  const addresses = new Addresses(config.doors.domain, ownNames(config));
  const doors = new DoorTable(store.doors, addresses);
  const sandboxes = new Sandboxes({
    hosts,
    storage,
    doors,
    leases,
    owner,
    store: store.sandboxes,
    events,
    egressLog,
    sealer,
    sealedIsLost,
    heartbeat,
    inflow,
    limits,
    log,
    region: config.region,
    offersSsh: config.ssh.port !== null,
  });
  const apps = new AppService({
    store: store.apps,
    events,
    sealer,
    sealedIsLost,
    addresses,
    names: doors.changes,
    limits: config.apps,
    log,
    sandboxes,
    storage,
    owner,
    others: doors,
  });
  const { certificates, plain, caFile, doorsCaFile } = await openCertificates(config, log);
  if (certificates) started.defer(async () => void (await within("certificates", certificates[Symbol.asyncDispose]())));
  let listener: Listener | null = null;
  const ssh = await SshService.open(config, doors, log);
  const terminals = new TerminalService({ config, authenticator, sandboxes, log });
  const closing = new AbortController();
  const services = {
    config,
    store,
    hosts,
    sandboxes,
    storage,
    doors,
    apps,
    ssh,
    terminals,
    authenticator,
    events,
    certificates,
    log,
    version: VERSION,
    startedAt,
    closing: closing.signal,
  };
  const api = apiSite(services);
  const sites = new Sites(api);
  const maxOpen = Math.ceil(limits.connections * DOORS_SHARE);
  sites.add(`*.${addresses.domain}`, new DoorSite(apps.doors, { maxOpen, behindTls: config.tls === false, log }));
  // The API may have a name among those of doors.
  for (const host of addresses.own) sites.add(host, api);
  // Pending answers get some time; then the remaining connections are closed.
  started.defer(() => listener?.closeAllConnections());
  for (const host of hosts.all) started.use(new EgressReader(host, owner, egressLog.take, log));
  started.defer(async () => {
    const done = await within("sandboxes", sandboxes.close({ leaveRunning }), () => sandboxes.size);
    // The next start pauses what could not be paused.
    const left = sandboxes.letGo();
    leaveRunning ||= left || !done;
  });
  started.use(leases);
  await sandboxes.adopt();
  started.use(ssh);
  await ssh?.listen();
  started.defer(async () => void (await within("terminals", terminals[Symbol.asyncDispose]())));
  const upkeep = started.use(new Upkeep(storage, () => apps.deployments.sweep(null)));
  await upkeep.start();
  started.defer(async () => void (await within("apps", apps[Symbol.asyncDispose]())));
  await apps.start();
  listener = await listen(config, { sites, certificates, plain, maxConnections: limits.connections, log });
  certificates?.start();
  started.defer(() => {
    closing.abort();
    listener?.close();
  });

  const { port } = listener;
  addresses.port = publicPort(config, port);
  const origin = config.publicUrl ?? localOrigin(config.host, port, !plain);
  log.info({ origin, version: VERSION, dataDir: config.dataDir, caFile }, "serving");
  const running = started.move();
  let closed: Promise<void> | null = null;
  return {
    sandboxEndpoint: origin,
    apiEndpoint: origin,
    caFile,
    domain: addresses.domain,
    doorsCaFile,
    sshPort: ssh?.address.port ?? null,
    token,
    port,
    close: (options = {}) =>
      (closed ??= (async () => {
        leaveRunning = options.leaveRunning ?? false;
        log.info({ leaveRunning }, "stopping");
        await running.disposeAsync();
        log.info({}, "stopped");
      })()),
  };
}

async function listen({ host, port }: Config, options: ListenerOptions): Promise<Listener> {
  try {
    return await Listener.start({ ...options, host, port });
  } catch (error) {
    throw new ConfigError(`Cannot listen on ${host} port ${port}: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/** The port of doors, as visitors see it. */
function publicPort({ doors, publicUrl }: Config, port: number): number {
  if (doors.publicPort !== undefined) return doors.publicPort;
  if (publicUrl === undefined) return port;
  const url = new URL(publicUrl);
  return Number(url.port) || (url.protocol === "https:" ? 443 : 80);
}

/** The address at which clients on this computer reach the server. */
function localOrigin(host: string, port: number, secure: boolean): string {
  const name = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "[::1]" : host.includes(":") ? `[${host}]` : host;
  return `${secure ? "https" : "http"}://${name}:${port}`;
}

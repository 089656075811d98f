import type { HttpBindings } from "@hono/node-server";
import type { Logger } from "@sandkeep/common";
import type { Certificates } from "@sandkeep/doors";
import type { Store } from "@sandkeep/store";
import type { AppService } from "../apps/service.ts";
import type { Authenticator, Principal } from "../auth/authenticator.ts";
import type { Config } from "../config/schema.ts";
import type { DoorTable } from "../doors/door-table.ts";
import type { SshService } from "../doors/ssh/ssh-service.ts";
import type { TerminalService } from "../doors/terminal/terminal-service.ts";
import type { EventBus } from "../events/bus.ts";
import type { Hosts } from "../hosts.ts";
import type { Sandboxes } from "../sandboxes/sandboxes.ts";
import type { StorageContext } from "../storage/context.ts";

/** What the routes need from the server. */
export interface Services {
  config: Config;
  store: Store;
  hosts: Hosts;
  sandboxes: Sandboxes;
  storage: StorageContext;
  doors: DoorTable;
  apps: AppService;
  /** Null if it is turned off. */
  ssh: SshService | null;
  terminals: TerminalService;
  authenticator: Authenticator;
  events: EventBus;
  /** Null for plain HTTP. */
  certificates: Certificates | null;
  log: Logger;
  version: string;
  startedAt: number;
  /** Aborted when the server stops, so that long answers end. */
  closing: AbortSignal;
}

/** What middleware provides to the routes. */
export interface Env {
  Bindings: HttpBindings;
  Variables: {
    traceId: string;
    principal: Principal;
    authenticator: Authenticator;
    /** For long answers: aborted when the client disconnects or its token ends. */
    over: AbortSignal;
    /** Largest body, bytes. */
    bodyBytes: number;
  };
}

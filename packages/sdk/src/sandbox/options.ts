import type { EgressPolicy } from "../egress/types.ts";
import type { Region } from "../rest/region.ts";
import type { BaseClientOptions } from "../rest/settings.ts";
import type { SnapshotId, SnapshotSlug, VolumeId, VolumeSlug } from "../volumes/types.ts";
import type { Memory } from "./memory.ts";

/**
 * A secret that processes in a sandbox can use and cannot read: what they see is a placeholder, which is replaced on the way
 * out, in HTTPS requests to the hosts named.
 *
 * @example
 * ```ts
 * import { Sandbox, type SecretConfig } from "sandkeep";
 *
 * const secret: SecretConfig = { hosts: ["api.example.com"], value: "the real key" };
 * await using sandbox = await Sandbox.create({ secrets: { API_KEY: secret } });
 * ```
 */
export interface SecretConfig {
  /** Hosts to which the secret may go, at least one: names, also `*.example.com`, with or without a port; no addresses. */
  hosts: string[];
  /** The secret: 1 to 16,384 bytes of UTF-8, without line breaks and other control characters. */
  value: string;
  /** Sandkeep's own. `["body"]`: put it into the bodies of requests, too, not only into headers and the query. */
  in?: "body"[];
  /**
   * Sandkeep's own. What the placeholder looks like, for programs that check the look of their keys: text with `…` (or `...`) for a
   * random part, such as `sk-ant-…`; or of so many characters, and of a kind (`alnum`, `lower`, `upper`, `hex`, `digits`), such as
   * `ghp_…{36}` and `…{32:hex}`. At least 128 bits must be random.
   */
  placeholder?: string;
}

/** What a new sandbox should be like, see {@linkcode Sandbox.create}. */
export interface SandboxOptions extends BaseClientOptions {
  /** Where to make it. The region of a sandbox is part of its id. */
  region?: Region;
  /**
   * URL of the server that holds sandboxes, without a path and without a `/` at the end, or a function that gives it for a
   * region. Otherwise taken from `SANDKEEP_SANDBOX_ENDPOINT`, `DENO_SANDBOX_ENDPOINT` or `DENO_SANDBOX_BASE_DOMAIN` (with the region
   * before it); else `http://127.0.0.1:7777`.
   */
  sandboxEndpoint?: string | ((region: string) => string);
  /** Variables added to its environment. */
  env?: Record<string, string>;
  /**
   * How long it lives. `"session"`: until this client, which created it, disconnects. A duration: that long, whoever is
   * connected or not.
   *
   * @default {"session"}
   */
  timeout?: "session" | `${number}s` | `${number}m`;
  /**
   * Its memory, 768 MiB to 4096 MiB. Processes in it see a little less.
   *
   * @default {"1280MiB"}
   */
  memory?: Memory;
  /**
   * Tell on standard error what happens to the connection.
   *
   * @default {false}
   */
  debug?: boolean;
  /** At most 5 labels to find it by. Keys have at most 64 bytes, values at most 128. */
  labels?: Record<string, string>;
  /** Volume or snapshot to start from, by id or slug. What is written to a volume stays; over a snapshot it is thrown away. */
  root?: VolumeId | VolumeSlug | SnapshotId | SnapshotSlug;
  /** Volumes to attach, by the path at which they appear. */
  volumes?: Record<string, VolumeId | VolumeSlug>;
  /**
   * The only hosts that can be reached from it: `"example.com"`, `"*.example.com"`, `"203.0.113.1"`, `"[2001:db8::1]"`, each with or
   * without `":port"`. None with `[]`; every public one when absent.
   */
  allowNet?: string[];
  /**
   * Sandkeep's own: hosts that cannot be reached whatever `allowNet` says, and the requests that are permitted to others. See
   * {@linkcode Sandbox.egress} for changing all of this later.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   *
   * await using sandbox = await Sandbox.create({
   *   allowNet: ["*.example.com"],
   *   egress: { deny: ["internal.example.com"], rules: [{ host: "api.example.com", methods: ["GET"], paths: ["/v1/**"] }] },
   * });
   * ```
   */
  egress?: Partial<Pick<EgressPolicy, "deny" | "rules">>;
  /** At most 64 secrets, by the name of the variable that holds the placeholder. */
  secrets?: Record<string, SecretConfig>;
  /** Open it to SSH at once: {@linkcode Sandbox.ssh} tells how to get in. */
  ssh?: boolean;
  /** Publish this port over HTTP at once: {@linkcode Sandbox.url} tells where. */
  port?: number;
}

/** How to connect to a sandbox that exists, see {@linkcode Sandbox.connect}. */
export interface ConnectOptions extends BaseClientOptions {
  /** As for {@linkcode SandboxOptions.sandboxEndpoint}; the region is the sandbox's. */
  sandboxEndpoint?: string | ((region: string) => string);
  /**
   * Tell on standard error what happens to the connection.
   *
   * @default {false}
   */
  debug?: boolean;
}

/** How a process is started, see {@linkcode Sandbox.spawn}. */
export interface SpawnOptions {
  /** Its arguments. */
  args?: string[];
  /** Directory to start in; `/home/app` by default. */
  cwd?: string | URL;
  /**
   * Start with an empty environment instead of the sandbox's.
   *
   * @default {false}
   */
  clearEnv?: boolean;
  /** Variables added to its environment. */
  env?: Record<string, string>;
  /** Sends it `SIGTERM` when aborted. */
  signal?: AbortSignal;
  /**
   * Its standard input: `"piped"` is a stream to write to, {@linkcode ChildProcess.stdin}; `"null"` is empty.
   *
   * @default {"null"}
   */
  stdin?: "piped" | "null";
  /**
   * Its standard output: `"piped"` is a stream to read from, {@linkcode ChildProcess.stdout}; `"inherit"` prints where this process
   * prints; `"null"` is thrown away.
   *
   * @default {"inherit"}
   */
  stdout?: "piped" | "inherit" | "null";
  /**
   * Its standard error: as for standard output.
   *
   * @default {"inherit"}
   */
  stderr?: "piped" | "inherit" | "null";
}

/** What a request is, see {@linkcode Sandbox.fetch}. */
export interface RequestInit {
  /**
   * Its method.
   *
   * @default {"GET"}
   */
  method?: string;
  /** Its headers. */
  headers?: ConstructorParameters<typeof Headers>[0];
  /** Its body, which `GET` and `HEAD` cannot have. A stream is sent as it comes. */
  body?: ConstructorParameters<typeof Response>[0];
  /**
   * Follow redirects, or give them to the caller.
   *
   * @default {"follow"}
   */
  redirect?: "follow" | "manual";
  /** Ends the request when aborted; the promise then rejects with an `AbortError`. */
  signal?: AbortSignal | null;
}

/**
 * What a VS Code in the browser should be like, see {@linkcode Sandbox.exposeVscode}.
 *
 * @experimental
 */
export interface VsCodeOptions {
  /** Variables added to its environment. */
  env?: Record<string, string>;
  /** Extensions to install: ids, or paths of `.vsix` files. */
  extensions?: string[];
  /** URL of a page to show beside the editor. */
  preview?: string;
  /**
   * Leave out the button that stops it.
   *
   * @default {false}
   */
  disableStopButton?: boolean;
  /** Its settings, as in `settings.json`. */
  editorSettings?: Record<string, unknown>;
}

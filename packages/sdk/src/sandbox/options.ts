import type { EgressPolicy } from "../egress/types.ts";
import type { Region } from "../rest/region.ts";
import type { BaseClientOptions } from "../rest/settings.ts";
import type { SnapshotId, SnapshotSlug, VolumeId, VolumeSlug } from "../volumes/types.ts";
import type { Memory } from "./memory.ts";

/**
 * A secret that processes in a sandbox can use but not read: they see a placeholder, which is replaced on the way out, in
 * HTTPS requests to the given hosts.
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
  /** Hosts to which the secret may go, at least one: names, also `*.example.com`, with or without a port; no IP addresses. */
  hosts: string[];
  /** The secret: 1 to 16,384 bytes of UTF-8, without line breaks and other control characters. */
  value: string;
  /** Sandkeep's own. `["body"]` also replaces the placeholder in request bodies, not only in headers and the query. */
  in?: "body"[];
  /**
   * Sandkeep's own. The format of the placeholder, for programs that check the format of their keys: text with `…` (or
   * `...`) for the random part, such as `sk-ant-…`. The random part can have a length and an alphabet (`alnum`, `lower`,
   * `upper`, `hex`, `digits`), such as `ghp_…{36}` and `…{32:hex}`. At least 128 bits must be random.
   */
  placeholder?: string;
}

/** Options of a new sandbox; see {@linkcode Sandbox.create}. */
export interface SandboxOptions extends BaseClientOptions {
  /** Where to create it. The region of a sandbox is part of its id. */
  region?: Region;
  /**
   * URL of the server with the sandboxes, without a path and without a `/` at the end, or a function that returns it for a
   * region. By default taken from `SANDKEEP_SANDBOX_ENDPOINT`, `DENO_SANDBOX_ENDPOINT` or `DENO_SANDBOX_BASE_DOMAIN` (with
   * the region in front), otherwise `http://127.0.0.1:7777`.
   */
  sandboxEndpoint?: string | ((region: string) => string);
  /** Variables added to its environment. */
  env?: Record<string, string>;
  /**
   * How long it lives. `"session"`: until this client, which created it, disconnects. A duration: that long, regardless of
   * who is connected.
   *
   * @default {"session"}
   */
  timeout?: "session" | `${number}s` | `${number}m`;
  /**
   * Sandkeep's own: how long it may be without any client. `onIdle` says what happens then. By default any time.
   */
  idle?: `${number}s` | `${number}m`;
  /**
   * Sandkeep's own: what happens when nobody needs it any more, because its `timeout` or `idle` time is up or its session is
   * over. `"pause"` writes it to disk, so that {@linkcode Sandbox.resume} lets it go on.
   *
   * @default {"end"}
   */
  onIdle?: "end" | "pause";
  /**
   * Its memory, 768 MiB to 4096 MiB. Processes in it see slightly less.
   *
   * @default {"1280MiB"}
   */
  memory?: Memory;
  /**
   * Log to standard error what happens on the connection.
   *
   * @default {false}
   */
  debug?: boolean;
  /** Up to 5 labels to find it by. Keys have at most 64 bytes, values at most 128. */
  labels?: Record<string, string>;
  /** Volume or snapshot to start from, by id or slug. Changes to a volume are kept; changes over a snapshot are discarded. */
  root?: VolumeId | VolumeSlug | SnapshotId | SnapshotSlug;
  /** Up to eight volumes to attach, by mount path. Sandkeep's own: `{ volume, readOnly: true }` mounts one for reading only. */
  volumes?: Record<string, VolumeId | VolumeSlug | { volume: VolumeId | VolumeSlug; readOnly?: boolean }>;
  /**
   * The only hosts that it may reach: `"example.com"`, `"*.example.com"`, `"203.0.113.1"`, `"[2001:db8::1]"`, each with or
   * without `":port"`. `[]` permits none; when absent, every public host is permitted.
   */
  allowNet?: string[];
  /**
   * Sandkeep's own: a deny list, which takes precedence over `allowNet`, and rules for the requests that are permitted. See
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
  /** Up to 64 secrets, by the name of the environment variable that holds the placeholder. */
  secrets?: Record<string, SecretConfig>;
  /** Open it to SSH at once; {@linkcode Sandbox.ssh} has the user name and host. */
  ssh?: boolean;
  /** Publish this port over HTTP at once; {@linkcode Sandbox.url} has the URL. */
  port?: number;
}

/** How to connect to an existing sandbox; see {@linkcode Sandbox.connect}. */
export interface ConnectOptions extends BaseClientOptions {
  /** Like {@linkcode SandboxOptions.sandboxEndpoint}, for the sandbox's region. */
  sandboxEndpoint?: string | ((region: string) => string);
  /**
   * Log to standard error what happens on the connection.
   *
   * @default {false}
   */
  debug?: boolean;
}

/** Options of {@linkcode Sandbox.resume}. */
export interface ResumeOptions extends ConnectOptions {
  /** How long it lives from now on, as in {@linkcode SandboxOptions}. */
  timeout?: "session" | `${number}s` | `${number}m`;
}

/**
 * Options of VS Code in the browser; see {@linkcode Sandbox.exposeVscode}.
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
   * Hide the button that stops it.
   *
   * @default {false}
   */
  disableStopButton?: boolean;
  /** Its settings, as in `settings.json`. */
  editorSettings?: Record<string, unknown>;
}

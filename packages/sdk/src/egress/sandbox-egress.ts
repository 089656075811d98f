import type { EgressEvent, EgressLogOptions, EgressPolicy, EgressState, SecretInfo, SecretUpdate } from "./types.ts";

/**
 * Sandkeep's own: what a sandbox may reach, read and changed while it runs, and the log of what it reached. A change is in force, on
 * open connections too, when its promise resolves. Every call rejects with `ApiError` (`INVALID_REQUEST` names the pattern that
 * is none, and why) and `NetworkError`.
 *
 * @example
 * ```ts
 * import { Sandbox } from "sandkeep";
 * import assert from "node:assert/strict";
 *
 * await using sandbox = await Sandbox.create({ allowNet: ["api.example.com"] });
 * await sandbox.egress.allow("*.example.net:443");
 * await sandbox.egress.deny("ads.example.net");
 * const { allow, deny } = await sandbox.egress.get();
 * assert.deepEqual(allow, ["api.example.com", "*.example.net:443"]);
 * assert.deepEqual(deny, ["ads.example.net"]);
 * ```
 */
export interface SandboxEgress {
  /** What it may reach now, and its secrets without their values. */
  get(): Promise<EgressState>;

  /**
   * Adds patterns to what it may reach. Resolves to what is in force then. Rejects with an `ApiError` `NO_ALLOW_LIST` when it was created without
   * `allowNet` and may reach every public host anyway.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * await using sandbox = await Sandbox.create({ allowNet: [] });
   * const { allow } = await sandbox.egress.allow("api.example.com", "203.0.113.110");
   * assert.deepEqual(allow, ["api.example.com", "203.0.113.110"]);
   * ```
   */
  allow(...patterns: string[]): Promise<EgressState>;

  /**
   * Takes patterns away from what it may reach: what they alone permitted ends. Resolves to what is in force then. Rejects when one of them
   * is not in the list, and then takes none away.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * await using sandbox = await Sandbox.create({ allowNet: ["api.example.com", "example.net"] });
   * const { allow } = await sandbox.egress.disallow("example.net");
   * assert.deepEqual(allow, ["api.example.com"]);
   * ```
   */
  disallow(...patterns: string[]): Promise<EgressState>;

  /** Adds patterns that it may not reach, whatever else permits them. Resolves to what is in force then. */
  deny(...patterns: string[]): Promise<EgressState>;

  /**
   * Replaces what is given of its policy; the rest stays. Resolves to what is in force then.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * await using sandbox = await Sandbox.create();
   * const state = await sandbox.egress.set({
   *   allow: ["api.example.com"],
   *   rules: [{ host: "api.example.com", methods: ["GET"], paths: ["/v1/**"], requestsPerMinute: 60 }],
   * });
   * assert.equal(state.rules.length, 1);
   * assert.equal((await sandbox.egress.set({ allow: null })).allow, null); // every public host again
   * ```
   */
  set(policy: Partial<EgressPolicy>): Promise<EgressState>;

  /**
   * Adds a secret: processes that are started from now on have a placeholder in the variable. Or gives one that is there another
   * value, and other `hosts` and `in` if these are given: its placeholder stays, so that running processes use the new value.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * await using sandbox = await Sandbox.create();
   * await sandbox.egress.setSecret("API_KEY", { value: "the first key", hosts: ["api.example.com"] });
   * const before = await sandbox.sh`echo $API_KEY`.text();
   * assert.match(before, /^DENO_SECRET_PLACEHOLDER_/);
   *
   * await sandbox.egress.setSecret("API_KEY", { value: "the second key" });
   * assert.equal(await sandbox.sh`echo $API_KEY`.text(), before);
   * ```
   */
  setSecret(name: string, secret: SecretUpdate): Promise<SecretInfo>;

  /**
   * Takes a secret away: its placeholder means nothing any more. Rejects with an `ApiError` `SECRET_NOT_FOUND`.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * await using sandbox = await Sandbox.create({ secrets: { API_KEY: { hosts: ["api.example.com"], value: "a key" } } });
   * await sandbox.egress.revokeSecret("API_KEY");
   * assert.deepEqual((await sandbox.egress.get()).secrets, []);
   * assert.equal(await sandbox.env.get("API_KEY"), undefined);
   * ```
   */
  revokeSecret(name: string): Promise<void>;

  /**
   * What it reached, or tried to, oldest first: requests, connections and DNS queries. With `follow`, also what happens from then on.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   *
   * await using sandbox = await Sandbox.create({ allowNet: [] });
   * await sandbox.sh`curl -s http://www.example.com`.noThrow();
   * for await (const event of sandbox.egress.log()) {
   *   if (event.kind === "http") console.log(event.verdict, event.method, event.host, event.path, event.reason);
   * }
   * ```
   */
  log(options?: EgressLogOptions): AsyncGenerator<EgressEvent>;
}

import type { EgressEvent, EgressLogOptions, EgressPolicy, EgressState, SecretInfo, SecretUpdate } from "./types.ts";

/**
 * Sandkeep's own: reads and changes what a sandbox may reach while it runs, and reads the log of what it reached. A change
 * is in force when its promise resolves, also for open connections. Every call rejects with `ApiError` (`INVALID_REQUEST`
 * names an invalid pattern and the reason) and `NetworkError`.
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
  /** What the sandbox may reach now, and its secrets without their values. */
  get(): Promise<EgressState>;

  /**
   * Adds patterns to the allow list. Resolves to the new state. Rejects with an `ApiError` `NO_ALLOW_LIST` if the sandbox was
   * created without `allowNet` and may reach every public host anyway.
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
   * Removes patterns from the allow list; connections that only they permitted end. Resolves to the new state. Rejects if
   * one of them is not in the list, and then removes none.
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

  /** Adds patterns to the deny list, which takes precedence over the allow list. Resolves to the new state. */
  deny(...patterns: string[]): Promise<EgressState>;

  /**
   * Replaces the given parts of the policy; the others stay. Resolves to the new state.
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
   * Adds a secret: processes that start from now on have a placeholder in the variable. For an existing secret, replaces
   * its value, and `hosts` and `in` if they are given; its placeholder stays, so running processes use the new value.
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
   * Revokes a secret: its placeholder is no longer replaced. Rejects with an `ApiError` `SECRET_NOT_FOUND`.
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
   * Reads the log of requests, connections and DNS queries, allowed and denied, oldest first. With `follow`, continues with
   * new entries as they happen.
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

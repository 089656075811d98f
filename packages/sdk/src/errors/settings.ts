import { SandboxSdkError } from "./base.ts";

/**
 * No token was given. Create one with `sandkeep token create`.
 *
 * @example
 * ```ts
 * import { Client, MissingTokenError } from "sandkeep";
 * import assert from "node:assert/strict";
 *
 * assert.throws(() => new Client({ token: "" }), MissingTokenError);
 * ```
 */
export class MissingTokenError extends SandboxSdkError {
  override name = "MissingTokenError";

  constructor() {
    super(
      "A token is needed: pass it as the 'token' option, or set the environment variable SANDKEEP_TOKEN or DENO_DEPLOY_TOKEN. " +
        "'sandkeep token create' makes one.",
    );
  }
}

/**
 * The token is not an organisation's (it does not begin with `ddo_`), and no organisation was named with it.
 *
 * @example
 * ```ts
 * import { Client, MissingOrgError } from "sandkeep";
 * import assert from "node:assert/strict";
 *
 * assert.throws(() => new Client({ token: "ddp_personal" }), MissingOrgError);
 * ```
 */
export class MissingOrgError extends SandboxSdkError {
  override name = "MissingOrgError";

  constructor() {
    super(
      "The token is not an organisation's token, so the organisation must be named: pass the 'org' option or set DENO_DEPLOY_ORG.",
    );
  }
}

/**
 * The server refused the token, or it has been revoked.
 *
 * @example
 * ```ts
 * import { InvalidTokenError, Sandbox } from "sandkeep";
 * import assert from "node:assert/strict";
 *
 * await assert.rejects(() => Sandbox.create({ token: "ddo_no_such_token" }), InvalidTokenError);
 * ```
 */
export class InvalidTokenError extends SandboxSdkError {
  override name = "InvalidTokenError";

  constructor(message: string) {
    super(message);
  }
}

/**
 * The `apiEndpoint` is not usable.
 *
 * @example
 * ```ts
 * import { Client, InvalidApiEndpoint } from "sandkeep";
 * import assert from "node:assert/strict";
 *
 * assert.throws(() => new Client({ token: "ddo_x", apiEndpoint: "http://127.0.0.1:7777/" }), InvalidApiEndpoint);
 * ```
 */
export class InvalidApiEndpoint extends SandboxSdkError {
  override name = "InvalidApiEndpoint";

  constructor(invalidApiEndpoint: string) {
    super(
      `'${invalidApiEndpoint}' cannot be used as API endpoint: it must be an http or https URL without a '/' at its end.`,
    );
  }
}

/**
 * The `sandboxEndpoint` is not usable.
 *
 * @example
 * ```ts
 * import { InvalidSandboxEndpoint, Sandbox } from "sandkeep";
 * import assert from "node:assert/strict";
 *
 * await assert.rejects(() => Sandbox.create({ sandboxEndpoint: "http://127.0.0.1:7777/" }), InvalidSandboxEndpoint);
 * ```
 */
export class InvalidSandboxEndpoint extends SandboxSdkError {
  override name = "InvalidSandboxEndpoint";

  constructor(invalidSandboxEndpoint: string) {
    super(
      `'${invalidSandboxEndpoint}' cannot be used as sandbox endpoint: it must be an http or https URL without a '/' at its end.`,
    );
  }
}

/**
 * A `timeout` that is neither `"session"` nor a positive duration such as `"90s"` or `"15m"`.
 *
 * @example
 * ```ts
 * import { InvalidTimeoutError, Sandbox } from "sandkeep";
 * import assert from "node:assert/strict";
 *
 * await assert.rejects(() => Sandbox.create({ timeout: "0s" }), InvalidTimeoutError);
 * ```
 */
export class InvalidTimeoutError extends SandboxSdkError {
  override name = "InvalidTimeoutError";

  constructor(message: string) {
    super(message);
  }
}

/**
 * A `memory` that cannot be read as a size, or lies outside 768 MiB to 4096 MiB.
 *
 * @example
 * ```ts
 * import { InvalidMemoryError, Sandbox } from "sandkeep";
 * import assert from "node:assert/strict";
 *
 * await assert.rejects(() => Sandbox.create({ memory: "128MiB" }), InvalidMemoryError);
 * ```
 */
export class InvalidMemoryError extends SandboxSdkError {
  override name = "InvalidMemoryError";

  constructor(message: string) {
    super(message);
  }
}

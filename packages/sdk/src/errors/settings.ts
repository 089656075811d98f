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
      "There is no token: pass the 'token' option, or set the environment variable SANDKEEP_TOKEN or DENO_DEPLOY_TOKEN. " +
        "'sandkeep token create' creates one.",
    );
  }
}

/**
 * The token is not an organisation token (it does not start with `ddo_`), and no organisation was given.
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
      "The token is not an organisation token, so it needs an organisation: pass the 'org' option or set DENO_DEPLOY_ORG.",
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
 * The `apiEndpoint` is invalid.
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
      `'${invalidApiEndpoint}' is not a valid API endpoint: it must be an http or https URL without a '/' at the end.`,
    );
  }
}

/**
 * The `sandboxEndpoint` is invalid.
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
      `'${invalidSandboxEndpoint}' is not a valid sandbox endpoint: it must be an http or https URL without a '/' at the end.`,
    );
  }
}

/**
 * The `timeout` is neither `"session"` nor a positive duration such as `"90s"` or `"15m"`.
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
 * The `memory` is not a valid size, or is not between 768 MiB and 4096 MiB.
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

import { randomBytes } from "node:crypto";
import type { SandboxConfig } from "@sandkeep/protocol";

/** 256 bits: what stands for a secret cannot be guessed, and means nothing elsewhere. */
const PLACEHOLDER_BYTES = 32;

/** A name inside the sandbox for a secret's value, which itself never gets there. */
function placeholder(): string {
  return `DENO_SECRET_PLACEHOLDER_${randomBytes(PLACEHOLDER_BYTES).toString("hex")}`;
}

/** The sandbox's environment: what the platform sets, what the client asked for, and a placeholder for each secret. */
export function sandboxEnvironment(id: string, organisation: { id: string }, config: Pick<SandboxConfig, "env" | "secrets">): Record<string, string> {
  return {
    DENO_DEPLOY_ORGANIZATION_ID: organisation.id,
    SANDBOX_ID: id,
    ...config.env,
    ...Object.fromEntries(Object.keys(config.secrets).map((name) => [name, placeholder()])),
  };
}

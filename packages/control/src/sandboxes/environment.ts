import type { SealedSecret } from "@sandkeep/egress";

/** The sandbox's environment: the platform's variables, the client's, and a placeholder for each secret. */
export function sandboxEnvironment(
  id: string,
  organisation: { id: string },
  env: Record<string, string>,
  secrets: readonly SealedSecret[],
): Record<string, string> {
  return {
    DENO_DEPLOY_ORGANIZATION_ID: organisation.id,
    SANDBOX_ID: id,
    ...env,
    ...Object.fromEntries(secrets.map(({ name, placeholder }) => [name, placeholder])),
  };
}

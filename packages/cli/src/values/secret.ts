import { UsageError } from "../errors.ts";

/** A secret as an option names it: where its value is, not the value itself, which others could see in a command line. */
export interface SecretOption {
  /** The environment variable with the value. */
  variable: string;
  hosts: string[];
  /** The format of its placeholder, if it is not the usual one. */
  placeholder?: string;
}

/**
 * Collects repeated `NAME=VARIABLE@host,host` options, each optionally with `#` and the format of its placeholder.
 * @throws {UsageError}
 */
export function collectSecret(text: string, previous: Record<string, SecretOption> = {}): Record<string, SecretOption> {
  const [, name, variable, hosts, placeholder] = /^([^=@]+)=([^=@]+)@([^#]+)(?:#(.+))?$/.exec(text) ?? [];
  const list = hosts?.split(",").filter((host) => host !== "") ?? [];
  if (!name || !variable || list.length === 0) {
    throw new UsageError(
      "a secret must be written NAME=VARIABLE@host",
      "name the variable that holds the value, and the hosts: API_KEY=MY_KEY@api.example.com,*.example.net; add #sk-... for a placeholder format",
    );
  }
  return { ...previous, [name]: { variable, hosts: list, ...(placeholder !== undefined && { placeholder }) } };
}

/** The secrets themselves, with their values from the environment. @throws {UsageError} */
export function secretsFrom(
  options: Record<string, SecretOption>,
  env: NodeJS.ProcessEnv,
): Record<string, { hosts: string[]; value: string; placeholder?: string }> {
  return Object.fromEntries(
    Object.entries(options).map(([name, { variable, ...rest }]) => {
      const value = env[variable];
      if (value === undefined || value === "")
        throw new UsageError(
          `the environment has no ${variable}, which the secret ${name} needs`,
          `set ${variable}, or name another variable`,
        );
      return [name, { ...rest, value }];
    }),
  );
}

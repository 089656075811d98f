import { UsageError } from "../../errors.ts";

/** A secret of an app: where its value is, and the hosts for which it is, if it is to be a placeholder. */
export interface AppSecret {
  variable: string;
  hosts: string[];
}

/** Collects repeated `NAME=VARIABLE` options, each optionally with `@` and hosts. @throws {UsageError} */
export function collectAppSecret(text: string, previous: Record<string, AppSecret> = {}): Record<string, AppSecret> {
  const [, name, variable, hosts = ""] = /^([^=@]+)=([^=@]+)(?:@(.+))?$/.exec(text) ?? [];
  if (!name || !variable)
    throw new UsageError(
      "a secret must be written NAME=VARIABLE or NAME=VARIABLE@host",
      "name the variable of your shell that holds the value, and for a placeholder the hosts that get the value",
    );
  return { ...previous, [name]: { variable, hosts: hosts.split(",").filter((host) => host !== "") } };
}

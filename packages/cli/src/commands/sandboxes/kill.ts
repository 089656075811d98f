import type { SandboxDetail } from "@sandkeep/protocol";
import { Api } from "../../client/api.ts";
import { labelQuery } from "../../client/labels.ts";
import { sandboxId } from "../../client/sandbox-id.ts";
import { requireTarget } from "../../client/target.ts";
import { CliError, UsageError } from "../../errors.ts";
import { reportError } from "../../report-error.ts";
import type { Invocation } from "../../tree/spec.ts";

interface Options {
  all?: boolean;
  label?: Record<string, string>;
}

/** `sandkeep kill ids…`: tries all of them, and fails if any could not be ended. */
export async function run(invocation: Invocation<Options>): Promise<number> {
  const {
    args: [given],
    options,
    terminal,
    env,
  } = invocation;
  const many = options.all || options.label !== undefined;
  const named = given as string[];
  if (many && named.length > 0) throw new UsageError("ids cannot be combined with --all or --label", "leave one out");
  const ids = many ? [] : (named.length > 0 ? named : [undefined]).map((id) => sandboxId(id, env));
  const api = new Api(await requireTarget(invocation));
  if (many) {
    const query = labelQuery(options.label);
    query.set("status", "running");
    for await (const { id } of api.all<SandboxDetail>(`/api/v1/sandboxes?${query}`)) ids.push(id);
  }
  const outcomes = await Promise.all(
    ids.map(async (id) => {
      try {
        await api.json("DELETE", `/api/v3/sandbox/${encodeURIComponent(id)}`);
        return { id, error: null };
      } catch (error) {
        // One of many may have ended by itself meanwhile.
        const gone = many && error instanceof CliError && error.code === "SANDBOX_NOT_FOUND";
        return { id, error: gone ? null : error };
      }
    }),
  );
  const failed = outcomes.filter(({ error }) => error !== null);
  const codes = failed.map(({ error }) => reportError(error, terminal));
  const killed = outcomes.filter(({ error }) => error === null).map(({ id }) => id);
  terminal.result({ killed }, () => killed.join("\n"));
  return codes[0] ?? 0;
}

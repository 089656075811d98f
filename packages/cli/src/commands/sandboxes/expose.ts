import type { ExposeAnswer } from "@sandkeep/protocol";
import { Api } from "../../client/api.ts";
import { sandboxId } from "../../client/sandbox-id.ts";
import { requireTarget } from "../../client/target.ts";
import type { Invocation } from "../../tree/spec.ts";
import { wholeNumber } from "../../values/number.ts";

const parsePort = wholeNumber(1, 65_535);

interface Options {
  public?: boolean;
  name?: string;
  /** Milliseconds. */
  expires?: number;
}

/** `sandkeep expose [id] port` */
export async function run(invocation: Invocation<Options>): Promise<void> {
  const { args, options, terminal, env } = invocation;
  const [given, port] = args[1] === undefined ? [undefined, args[0]] : args;
  const id = sandboxId(given, env);
  const api = new Api(await requireTarget(invocation));
  const answer = await api.json<ExposeAnswer>("POST", `/api/v3/sandbox/${id}/expose/http`, {
    port: parsePort(String(port)),
    auth: options.public ? "none" : "token",
    ...(options.name !== undefined && { name: options.name }),
    ...(options.expires !== undefined && { expiresInMs: options.expires }),
  });
  terminal.result(answer, () => answer.url);
}

import type { NewToken } from "@sandkeep/protocol";
import { Api } from "../client/api.ts";
import { ensureTarget } from "../client/target.ts";
import type { Invocation } from "../tree/spec.ts";

interface Options {
  /** Milliseconds. */
  expires?: number;
  admin?: boolean;
  organisation?: string;
}

/** `sandkeep token create [name]` */
export async function run(invocation: Invocation<Options>): Promise<void> {
  const { args: [name], options: { expires, admin, organisation }, terminal } = invocation;
  const token = await new Api(await ensureTarget(invocation)).json<NewToken>("POST", "/api/v1/tokens", {
    name: name ?? "token",
    ...(expires !== undefined && { expiresInMs: expires }),
    ...(admin && { admin }),
    ...(organisation && { organisation }),
  });
  terminal.result(token, () => token.token);
  if (!terminal.json) terminal.note(`${token.id}: keep it safe, it is not shown again`);
}

import type { NewToken, Scope } from "@sandkeep/protocol";
import { Api } from "../../client/api.ts";
import { ensureTarget } from "../../client/target.ts";
import type { Invocation } from "../../tree/spec.ts";

interface Options {
  /** Milliseconds. */
  expires?: number;
  scope?: Scope;
  admin?: boolean;
  organisation?: string;
}

/** `sandkeep token create [name]` */
export async function run(invocation: Invocation<Options>): Promise<void> {
  const {
    args: [name],
    options: { expires, scope, admin, organisation },
    terminal,
  } = invocation;
  const token = await new Api(await ensureTarget(invocation)).json<NewToken>("POST", "/api/v1/tokens", {
    name: name ?? "token",
    ...(expires !== undefined && { expiresInMs: expires }),
    ...(scope && { scope }),
    ...(admin && { admin }),
    ...(organisation && { organisation }),
  });
  terminal.result(token, () => token.token);
  if (!terminal.json)
    terminal.note(
      `${token.id} (${token.scope}${token.expiresAt ? `, until ${token.expiresAt}` : ""}): keep it safe, it is not shown again`,
    );
}

import type { ExposeAnswer } from "@sandkeep/protocol";
import { Api } from "../../client/api.ts";
import { requireTarget } from "../../client/target.ts";
import type { Invocation } from "../../tree/spec.ts";
import { doorPath } from "./door-path.ts";

interface Options {
  /** Milliseconds. */
  expires?: number;
}

/** `sandkeep doors token door` */
export async function run(invocation: Invocation<Options>): Promise<void> {
  const {
    args: [door],
    options: { expires },
    terminal,
  } = invocation;
  const answer = await new Api(await requireTarget(invocation)).json<ExposeAnswer>("POST", `${doorPath(door)}/token`, {
    ...(expires !== undefined && { expiresInMs: expires }),
  });
  terminal.result(answer, () => answer.url);
}

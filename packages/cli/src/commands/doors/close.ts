import { Api } from "../../client/api.ts";
import { requireTarget } from "../../client/target.ts";
import type { Invocation } from "../../tree/spec.ts";
import { doorPath } from "./door-path.ts";

/** `sandkeep doors close door` */
export async function run(invocation: Invocation): Promise<void> {
  const {
    args: [door],
    terminal,
  } = invocation;
  await new Api(await requireTarget(invocation)).json("DELETE", doorPath(door));
  terminal.result({ closed: door }, () => `${door} is closed`);
}

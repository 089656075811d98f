import type { ExtendAnswer } from "@sandkeep/protocol";
import { Api } from "../../client/api.ts";
import { sandboxId } from "../../client/sandbox-id.ts";
import { requireTarget } from "../../client/target.ts";
import type { Invocation } from "../../tree/spec.ts";
import { formatDuration, parseDuration } from "../../values/duration.ts";

/** `sandkeep extend [id] duration` */
export async function run(invocation: Invocation): Promise<void> {
  const { args, terminal, env } = invocation;
  const [given, duration] = args[1] === undefined ? [undefined, args[0]] : args;
  const ms = parseDuration(String(duration));
  const id = sandboxId(given, env);
  const api = new Api(await requireTarget(invocation));
  const { stop_at_ms } = await api.json<ExtendAnswer>("PATCH", `/api/v3/sandbox/${id}`, {
    stop_at_ms: Date.now() + ms,
  });
  const stopAt = new Date(stop_at_ms);
  terminal.result(
    { id, stopAt: stopAt.toISOString() },
    () => `${id} ends ${stopAt.toISOString()}, in ${formatDuration(stop_at_ms - Date.now())}`,
  );
}

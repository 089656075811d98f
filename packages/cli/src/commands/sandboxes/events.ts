import type { SandboxEvent } from "@sandkeep/protocol";
import { Api } from "../../client/api.ts";
import { sandboxId } from "../../client/sandbox-id.ts";
import { requireTarget } from "../../client/target.ts";
import { describeEvent } from "../../events/describe.ts";
import { follow } from "../../events/follow.ts";
import type { Invocation } from "../../tree/spec.ts";

const DEFAULT_LIMIT = 100;

interface Options {
  follow?: boolean;
  kind?: string[];
  sandbox?: string;
  limit?: number;
}

/** `sandkeep events`: the latest events, oldest first; with `--follow` also new ones as they happen. */
export async function run(invocation: Invocation<Options>): Promise<void> {
  const {
    args: [given],
    options,
    terminal,
    env,
  } = invocation;
  const sandbox = given || options.sandbox ? sandboxId(given || options.sandbox, env) : undefined;
  const api = new Api(await requireTarget(invocation));
  const query = new URLSearchParams();
  if (sandbox) query.set("sandbox", sandbox);
  if (options.kind) query.set("kind", options.kind.join(","));

  const show = (event: SandboxEvent) =>
    // One object per line, also with --json: a stream has no end, so it cannot be an array.
    void terminal.result(event, (colour) => describeEvent(event, colour));
  const limit = options.limit ?? DEFAULT_LIMIT;
  const latest: SandboxEvent[] = [];
  for await (const event of api.all<SandboxEvent>(
    `/api/v1/events?${new URLSearchParams([...query, ["limit", String(Math.min(limit, 1_000))]])}`,
  )) {
    if (latest.push(event) >= limit) break;
  }
  latest.reverse().forEach(show);
  if (!options.follow) {
    if (latest.length === 0 && !terminal.json) terminal.note("no events");
    return;
  }
  const last = latest.at(-1)?.id;
  await follow(api, query, last, show);
}

import type { BuildLog } from "@sandkeep/protocol";
import { Api } from "../../client/api.ts";
import { requireTarget } from "../../client/target.ts";
import { printable } from "../../output/colour.ts";
import type { Invocation } from "../../tree/spec.ts";

/** `sandkeep revisions log revision`: what its deployment has said, and says until it ends. */
export async function run(invocation: Invocation): Promise<void> {
  const {
    args: [id],
    terminal,
  } = invocation;
  const { Client } = await import("sandkeep");
  const target = await requireTarget(invocation);
  // Says what is wrong with the id.
  await new Api(target).json("GET", `/api/v2/revisions/${encodeURIComponent(String(id))}`);
  const client = new Client({ ...target });
  for await (const line of client.revisions.buildLogs(String(id)) as AsyncIterable<BuildLog>)
    terminal.result(line, ({ dim, red }) => {
      const text = printable(line.message);
      return `${dim(line.step)} ${line.level === "error" ? red(text) : text}`;
    });
}

import type { Revision } from "@sandkeep/protocol";
import { Api } from "../../client/api.ts";
import { requireTarget } from "../../client/target.ts";
import type { Invocation } from "../../tree/spec.ts";

/** `sandkeep revisions cancel revision` */
export async function run(invocation: Invocation): Promise<void> {
  const {
    args: [id],
    terminal,
  } = invocation;
  const api = new Api(await requireTarget(invocation));
  const revision = await api.json<Revision>("POST", `/api/v2/revisions/${encodeURIComponent(String(id))}/cancel`);
  terminal.result(revision, () =>
    revision.cancellation_requested_at === null
      ? `${id} has ended already: ${revision.status}`
      : `${id} is being cancelled`,
  );
}

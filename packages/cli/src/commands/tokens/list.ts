import type { Token } from "@sandkeep/protocol";
import { Api } from "../../client/api.ts";
import { ensureTarget } from "../../client/target.ts";
import { printable } from "../../output/colour.ts";
import type { Invocation } from "../../tree/spec.ts";

/** `sandkeep token list` */
export async function run(invocation: Invocation): Promise<void> {
  const { terminal } = invocation;
  const tokens = await new Api(await ensureTarget(invocation)).json<Token[]>("GET", "/api/v1/tokens");
  terminal.list(
    tokens,
    [
      { title: "ID", cell: (t) => t.id },
      { title: "NAME", cell: (t) => printable(t.name) },
      { title: "BEGINS", cell: (t) => t.prefix },
      { title: "ORGANISATION", cell: (t) => t.organisation },
      { title: "SCOPE", cell: (t) => t.scope },
      { title: "CREATED", cell: (t) => day(t.createdAt) },
      { title: "LAST USED", cell: (t) => day(t.lastUsedAt) },
      { title: "STATE", cell: (t, c) => stateOf(t, c) },
    ],
    "no tokens",
  );
}

const day = (time: string | null) => time?.slice(0, 16).replace("T", " ") ?? "never";

function stateOf(
  { revokedAt, expiresAt }: Token,
  { dim, green }: { dim(t: string): string; green(t: string): string },
): string {
  if (revokedAt) return dim("revoked");
  if (expiresAt && Date.parse(expiresAt) <= Date.now()) return dim("expired");
  return green(expiresAt ? `valid until ${day(expiresAt)}` : "valid");
}

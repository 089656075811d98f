import type { Door } from "@sandkeep/protocol";
import { Api } from "../../client/api.ts";
import { requireTarget } from "../../client/target.ts";
import type { Invocation } from "../../tree/spec.ts";

/** `sandkeep doors list [id]` */
export async function run(invocation: Invocation): Promise<void> {
  const {
    args: [id],
    terminal,
  } = invocation;
  const query = id === undefined ? "" : `?sandbox=${encodeURIComponent(String(id))}`;
  const doors = await new Api(await requireTarget(invocation)).json<Door[]>("GET", `/api/v1/doors${query}`);
  terminal.list(
    doors,
    [
      { title: "DOOR", cell: (door) => door.domain ?? door.name },
      { title: "KIND", cell: (door) => door.kind },
      { title: "SANDBOX", cell: (door, { dim }) => door.sandbox ?? dim("none") },
      { title: "LEADS TO", cell: (door) => target(door) },
      { title: "WHO MAY PASS", cell: (door) => visitors(door) },
    ],
    "no doors",
  );
}

function target({ port, pid }: Door): string {
  if (pid !== null) return `process ${pid}`;
  return port === null ? "" : `port ${port}`;
}

function visitors({ auth, sandbox, tokenExpiresAt }: Door): string {
  if (sandbox === null) return "";
  if (auth === "none") return "everybody";
  if (tokenExpiresAt === null || Date.parse(tokenExpiresAt) <= Date.now()) return "nobody: no valid token";
  return `with a token, until ${tokenExpiresAt.slice(0, 16).replace("T", " ")}`;
}

import type { SandboxDetail } from "@sandkeep/protocol";
import { Api } from "../../client/api.ts";
import { labelQuery } from "../../client/labels.ts";
import { presentSandboxes } from "../../client/present-sandboxes.ts";
import { findTarget } from "../../client/target.ts";
import { type Colours, printable } from "../../output/colour.ts";
import type { Invocation } from "../../tree/spec.ts";
import { formatDuration } from "../../values/duration.ts";

/** Items per page; the server's maximum. */
const PAGE = 1_000;

interface Options {
  all?: boolean;
  label?: Record<string, string>;
}

/** `sandkeep list` */
export async function run(invocation: Invocation<Options>): Promise<void> {
  const { options, terminal } = invocation;
  const target = await findTarget(invocation);
  const query = labelQuery(options.label);
  query.set("limit", String(PAGE));
  const list = async (status?: string) => {
    // Without a server there are no sandboxes, which is not an error.
    if (!target) return [];
    if (status) query.set("status", status);
    return await Array.fromAsync(new Api(target).all<SandboxDetail>(`/api/v1/sandboxes?${query}`));
  };
  const items = options.all ? await list() : await presentSandboxes(list);
  const now = Date.now();
  terminal.list(
    items,
    [
      { title: "ID", cell: (s, c) => (s.status === "stopped" ? c.dim(s.id) : c.bold(s.id)) },
      {
        title: "STATUS",
        cell: (s, c) => statusOf(s, c),
      },
      { title: "AGE", align: "right", cell: (s) => formatDuration(now - Date.parse(s.createdAt)) },
      { title: "ENDS", align: "right", cell: (s) => endOf(s, now) },
      { title: "MEMORY", align: "right", cell: (s) => `${s.memoryMiB} MiB` },
      {
        title: "LABELS",
        cell: (s) =>
          printable(
            Object.entries(s.labels)
              .map(([k, v]) => `${k}=${v}`)
              .join(" "),
          ),
      },
    ],
    target ? "no sandboxes" : "no sandboxes, and no server on this machine",
  );
}

function statusOf({ status, stopReason }: SandboxDetail, colour: Colours): string {
  if (status === "running") return colour.green(status);
  return status === "paused" ? colour.yellow(status) : colour.dim(stopReason ?? status);
}

function endOf({ status, stopAt, stoppedAt }: SandboxDetail, now: number): string {
  if (status === "stopped") return stoppedAt ? `${formatDuration(now - Date.parse(stoppedAt))} ago` : "";
  return stopAt ? `in ${formatDuration(Math.max(0, Date.parse(stopAt) - now))}` : "with its client";
}

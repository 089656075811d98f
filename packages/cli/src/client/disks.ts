import type { SnapshotDetail, VolumeDetail } from "@sandkeep/protocol";
import type { Colours } from "../output/colour.ts";
import { formatBytes } from "../values/bytes.ts";

/** The API path of a volume or snapshot, or of all of them. */
export function diskPath(kind: "volumes" | "snapshots", idOrSlug?: string): string {
  return `/api/v1/${kind}${idOrSlug === undefined ? "" : `/${encodeURIComponent(idOrSlug)}`}`;
}

/** Where a volume is in use, in words. */
export function useOf({ state, attachment, removedAt }: VolumeDetail, colour: Colours): string {
  if (state === "deleted") return colour.dim(`data kept until ${day(removedAt)}`);
  if (!attachment) return colour.dim("free");
  return `${attachment.sandbox} at ${attachment.path ?? "its root"}${attachment.readOnly ? ", read-only" : ""}`;
}

/** A volume in several lines. */
export function showVolume(volume: VolumeDetail, colour: Colours): string {
  return lines([
    ["id", volume.id],
    ["slug", colour.bold(volume.slug)],
    ["region", volume.region],
    ["capacity", formatBytes(volume.capacity)],
    ["on disk", sizes(volume.estimated_allocated_size, volume.estimated_flattened_size)],
    ["bootable", volume.is_bootable ? "yes" : "no"],
    ["created", `${day(volume.createdAt)}${volume.base_snapshot ? ` from ${volume.base_snapshot.slug}` : ""}`],
    ["in use", useOf(volume, colour)],
  ]);
}

/** A snapshot in several lines. */
export function showSnapshot(snapshot: SnapshotDetail, colour: Colours): string {
  return lines([
    ["id", snapshot.id],
    ["slug", colour.bold(snapshot.slug)],
    ["region", snapshot.region],
    ["capacity", formatBytes(snapshot.capacity)],
    ["on disk", sizes(snapshot.allocated_size, snapshot.flattened_size)],
    ["bootable", snapshot.is_bootable ? "yes" : "no"],
    ["taken", `${day(snapshot.createdAt)} from ${snapshot.volume.slug}`],
  ]);
}

/** A time to the minute. */
export const day = (time: string | null): string => time?.slice(0, 16).replace("T", " ") ?? "";

const sizes = (own: number, whole: number) => `${formatBytes(own)} of its own, ${formatBytes(whole)} in all`;

function lines(rows: [string, string][]): string {
  const width = Math.max(...rows.map(([title]) => title.length));
  return rows.map(([title, text]) => `${title.padEnd(width)}  ${text}`).join("\n");
}

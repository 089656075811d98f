import { z } from "zod";
import { NAME_LENGTH, VOLUMES_PER_SANDBOX } from "../limits.ts";

/** A volume of a sandbox: which one, and where it is mounted. */
export interface Mount {
  /** Id or slug. */
  volume: string;
  /** Absolute, without `.`, `..` and repeated slashes. */
  path: string;
  readOnly: boolean;
}

const volume = z.string().min(1).max(NAME_LENGTH);

/** The kernel's and the agent's; the sandbox could not work without them. */
const RESERVED = ["/proc", "/sys", "/dev", "/run"];

/** Where a volume is mounted. */
export const mountPathSchema = z
  .string()
  .max(NAME_LENGTH)
  .refine((path) => path.startsWith("/"), "a mount path is absolute, such as /data")
  .refine((path) => !path.includes("\0"), "must not contain NUL")
  .refine((path) => !path.split("/").some((part) => part === "." || part === ".."), "must not contain . or ..")
  .transform((path) => `/${path.split("/").filter(Boolean).join("/")}`)
  .refine((path) => Buffer.byteLength(path) <= NAME_LENGTH, `a mount path has at most ${NAME_LENGTH} bytes`)
  .refine((path) => path !== "/", "a volume cannot be mounted at /: use it as the root instead")
  .refine(
    (path) => !RESERVED.some((reserved) => path === reserved || path.startsWith(`${reserved}/`)),
    `a volume cannot be mounted in ${RESERVED.join(", ")}`,
  );

/** One mount; `read_only` is Sandkeep's own. */
export const mountSchema = z
  .object({ volume, path: mountPathSchema, read_only: z.boolean().nullish() })
  .transform(({ read_only, ...mount }): Mount => ({ ...mount, readOnly: read_only ?? false }));

/** Python's form: an object from path to volume. */
const byPath = z
  .record(z.string(), z.union([volume, z.object({ volume, read_only: z.boolean().nullish() })]))
  .transform((mounts) =>
    Object.entries(mounts).map(([path, value]) =>
      typeof value === "string" ? { path, volume: value } : { path, ...value },
    ),
  );

/** The volumes of a new sandbox in both dialects, parents before what is mounted in them. */
export const mountsSchema = z.union([z.array(z.unknown()), byPath]).pipe(
  z
    .array(mountSchema)
    .max(VOLUMES_PER_SANDBOX, `a sandbox has at most ${VOLUMES_PER_SANDBOX} volumes`)
    .refine(
      (mounts) => new Set(mounts.map(({ path }) => path)).size === mounts.length,
      "two volumes have the same path",
    )
    .transform((mounts) => mounts.toSorted((a, b) => depth(a) - depth(b))),
);

const depth = ({ path }: Mount) => path.split("/").length;

import { z } from "zod";
import { fileInfoSchema } from "./files.ts";
import { method } from "./method.ts";
import { bytesSchema, countSchema, idSchema, maybe, modeSchema, timeSchema } from "./values.ts";

/** Open files (wire-protocol §7.3). A handle belongs to the connection that opened it and ends with it. */

const done = z.null();
const flag = maybe(z.boolean());
const handle = z.object({ fileHandleId: idSchema });

const openOptions = maybe(
  z.object({
    read: flag,
    write: flag,
    append: flag,
    truncate: flag,
    create: flag,
    createNew: flag,
    mode: maybe(modeSchema),
  }),
);

/** An integer as a number or as decimal digits; the output is digits. */
const offset = z
  .union([z.number().int(), z.string().regex(/^-?\d{1,19}$/, { error: "Invalid input: expected a whole number" })])
  .transform((value) => String(value));

/** The Python client says `size` where the JavaScript client says `len`. */
const truncateParams = z
  .object({ fileHandleId: idSchema, len: maybe(countSchema), size: maybe(countSchema) })
  .transform(({ fileHandleId, len, size }) => ({ fileHandleId, len: len ?? size ?? 0 }));

export const handleMethods = {
  open: method(z.object({ path: z.string(), options: openOptions }), handle),
  create: method(z.object({ path: z.string() }), handle),
  fileClose: method(handle, done),
  fileSync: method(handle, done),
  fileSyncData: method(handle, done),
  fileLock: method(handle.extend({ exclusive: flag }), done),
  fileUnlock: method(handle, done),
  /** `data` is null at the end of the file. */
  fileRead: method(handle.extend({ length: countSchema }), z.object({ data: z.base64().nullable() })),
  fileWrite: method(handle.extend({ data: bytesSchema }), z.object({ bytesWritten: countSchema })),
  /** `whence` is 0 start, 1 current position, 2 end. */
  fileSeek: method(
    handle.extend({ offset, whence: z.union([z.literal(0), z.literal(1), z.literal(2)]) }),
    z.object({ position: z.number() }),
  ),
  fileStat: method(handle, fileInfoSchema),
  fileTruncate: method(truncateParams, done),
  fileUtime: method(handle.extend({ atime: timeSchema, mtime: timeSchema }), done),
};

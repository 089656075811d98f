import { z } from "zod";
import { method } from "./method.ts";
import { bytesSchema, countSchema, idSchema, maybe, modeSchema, regexSchema, timeSchema } from "./values.ts";

/** Files by path (wire-protocol §7.2). Relative paths are relative to /home/app. */

const path = z.string();
const done = z.null();
const abortId = maybe(idSchema);
const flag = maybe(z.boolean());

/** Metadata of a file. Times are ISO 8601 and never null, because the JavaScript client requires them. */
export const fileInfoSchema = z.object({
  isFile: z.boolean(),
  isDirectory: z.boolean(),
  isSymlink: z.boolean(),
  isBlockDevice: z.boolean(),
  isCharDevice: z.boolean(),
  isFifo: z.boolean(),
  isSocket: z.boolean(),
  size: z.number(),
  mode: z.number(),
  dev: z.number(),
  ino: z.number(),
  nlink: z.number(),
  uid: z.number(),
  gid: z.number(),
  rdev: z.number(),
  blksize: z.number(),
  blocks: z.number(),
  mtime: z.string(),
  atime: z.string(),
  birthtime: z.string(),
  ctime: z.string(),
});
export type FileInfo = z.infer<typeof fileInfoSchema>;

const dirEntrySchema = z.object({
  name: z.string(),
  isFile: z.boolean(),
  isDirectory: z.boolean(),
  isSymlink: z.boolean(),
});
export type DirEntry = z.infer<typeof dirEntrySchema>;

/** Each chunk of a `walk` or `expandGlob` stream is one of these, as JSON. */
export const walkEntrySchema = dirEntrySchema.extend({ path: z.string() });
export type WalkEntry = z.infer<typeof walkEntrySchema>;

const writeOptions = maybe(z.object({ append: flag, create: flag, createNew: flag, mode: maybe(modeSchema) }));

/** Content comes either in the call or as a stream; one of the two is required. */
function writeParams<C extends z.ZodType>(content: C) {
  return z
    .object({ path, abortId, options: writeOptions, content: maybe(content), contentStreamId: maybe(idSchema) })
    .superRefine((params, context) => {
      if (params.content !== undefined || params.contentStreamId !== undefined) return;
      context.addIssue({
        code: "invalid_type",
        expected: "string",
        path: ["content"],
        message: "Invalid input: expected string, received undefined",
      });
    });
}

/** The Python client puts filters under `options`, the JavaScript client beside the path. The type describes the latter form. */
function flattened<T extends z.ZodType>(schema: T): T {
  const either = z.preprocess((params) => {
    if (typeof params !== "object" || params === null || !("options" in params)) return params;
    const { options, ...rest } = params;
    return typeof options === "object" && options !== null ? { ...options, ...rest } : rest;
  }, schema);
  return either as unknown as T;
}

const temporary = z.object({
  options: maybe(z.object({ dir: maybe(path), prefix: maybe(z.string()), suffix: maybe(z.string()) })),
});

const walkParams = flattened(
  z.object({
    path,
    maxDepth: maybe(z.number()),
    includeFiles: flag,
    includeDirs: flag,
    includeSymlinks: flag,
    followSymlinks: flag,
    canonicalize: flag,
    exts: maybe(z.array(z.string())),
    match: maybe(z.array(regexSchema)),
    skip: maybe(z.array(regexSchema)),
  }),
);

const globParams = flattened(
  z.object({
    glob: z.string(),
    root: maybe(path),
    exclude: maybe(z.array(z.string())),
    includeDirs: flag,
    extended: flag,
    globstar: flag,
    caseInsensitive: flag,
    followSymlinks: flag,
    canonicalize: flag,
  }),
);

export const fileMethods = {
  readFile: method(z.object({ path, abortId }), z.base64()),
  readTextFile: method(z.object({ path, abortId }), z.string()),
  writeFile: method(writeParams(bytesSchema), done),
  writeTextFile: method(writeParams(z.string()), done),
  readDir: method(z.object({ path }), z.array(dirEntrySchema)),
  remove: method(z.object({ path, options: maybe(z.object({ recursive: flag })) }), done),
  mkdir: method(z.object({ path, options: maybe(z.object({ recursive: flag, mode: maybe(modeSchema) })) }), done),
  rename: method(z.object({ oldPath: path, newPath: path }), done),
  stat: method(z.object({ path }), fileInfoSchema),
  lstat: method(z.object({ path }), fileInfoSchema),
  chmod: method(z.object({ path, mode: modeSchema }), done),
  chown: method(z.object({ path, uid: maybe(countSchema), gid: maybe(countSchema) }), done),
  copyFile: method(z.object({ fromPath: path, toPath: path }), done),
  link: method(z.object({ target: path, path }), done),
  symlink: method(
    z.object({ target: path, path, options: maybe(z.object({ type: maybe(z.enum(["file", "dir", "junction"])) })) }),
    done,
  ),
  readLink: method(z.object({ path }), z.string()),
  realPath: method(z.object({ path }), z.string()),
  makeTempDir: method(temporary, z.string()),
  makeTempFile: method(temporary, z.string()),
  truncate: method(z.object({ name: path, length: maybe(countSchema) }), done),
  umask: method(z.object({ mask: maybe(modeSchema) }), z.number()),
  utime: method(z.object({ path, atime: timeSchema, mtime: timeSchema }), done),
  walk: method(walkParams, z.object({ streamId: idSchema })),
  expandGlob: method(globParams, z.object({ streamId: idSchema })),
};

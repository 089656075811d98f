export { buildImage, ensureImage, findImage, type ImageOptions } from "./build.ts";
export { ImageError, type Image, type ImageProgress, type Manifest } from "./image.ts";
export { listImages, pruneImages, type ImageSummary, type PruneResult } from "./prune.ts";

export { buildImage, ensureImage, findImage, type ImageOptions } from "./build.ts";
export { type Image, ImageError, type ImageProgress, type Manifest } from "./image.ts";
export { type ImageSummary, listImages, type PruneResult, pruneImages } from "./prune.ts";

export { buildImage, ensureImage, findImage, type ImageOptions } from "./build/build.ts";
export { readImage } from "./cache/cache.ts";
export { type ImageSummary, listImages, type PruneResult, pruneImages } from "./cache/prune.ts";
export { type Image, ImageError, type ImageProgress, type Manifest } from "./image.ts";

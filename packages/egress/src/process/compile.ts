/** Loads the code of a proxy process, so that Node compiles it for its cache, and prints the cache's folder. */
import { getCompileCacheDir } from "node:module";
import "./serve-host.ts";

console.log(getCompileCacheDir() ?? "");

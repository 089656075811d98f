/** Loads the code of a proxy process, so that Node compiles it for its cache, and prints the cache's folder once it is there. */
import { flushCompileCache, getCompileCacheDir } from "node:module";
import "./serve-host.ts";

flushCompileCache();
console.log(getCompileCacheDir() ?? "");

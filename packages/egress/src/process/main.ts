/**
 * Entry point of the proxy process.
 *
 * Its jail has no file but its code. As root it begins with uid 0, because its own user may be unable to read that code: it loads
 * everything (all imports are static, and hooks are loaded with the configuration), then becomes its user for good, and only then hears of a guest.
 */
import { serveHost } from "./serve-host.ts";

serveHost();

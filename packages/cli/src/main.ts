/** The command line's entry. The launcher `./sandkeep` runs it under the pinned Node. */

import { Terminal } from "./output/terminal.ts";
import { runProgram } from "./program.ts";
import { reportError } from "./report-error.ts";
import { root } from "./tree/root.ts";
import { version } from "./version.ts";

let exitCode: number | undefined;
// `sandkeep list | head -1`: a reader that has seen enough is no error. Commands that listen themselves end in their own way.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    if (stream.listenerCount("error") === 1 && exitCode === undefined) process.exit(0);
  });
}

/** Until everything written to a stream is on its way, or its reader has gone. */
const flushed = (stream: NodeJS.WriteStream) =>
  new Promise<void>((resolve) => (stream.destroyed ? resolve() : stream.write("", () => resolve())));

const streams = { stdin: process.stdin, stdout: process.stdout, stderr: process.stderr };
const argv = process.argv.slice(2);
// Until the options are parsed, errors go out as the arguments seem to ask for.
let terminal = new Terminal(streams, { json: argv.includes("--json") });
try {
  exitCode = await runProgram(root, argv, {
    streams,
    env: process.env,
    version,
    onTerminal: (known) => (terminal = known),
  });
} catch (error) {
  exitCode = reportError(error, terminal);
}
await Promise.all([flushed(process.stdout), flushed(process.stderr)]);
// Not left to the event loop: an open standard input may keep it going.
process.exit(exitCode);

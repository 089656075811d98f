/** Entry point of the command line. The launcher `./sandkeep` runs it with the pinned Node. */

import { Terminal } from "./output/terminal.ts";
import { runProgram } from "./program.ts";
import { reportError } from "./report-error.ts";
import { root } from "./tree/root.ts";
import { version } from "./version.ts";

let exitCode: number | undefined;
// `sandkeep list | head -1`: a reader that has seen enough is not an error. Commands that listen themselves handle it themselves.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    if (stream.listenerCount("error") === 1 && exitCode === undefined) process.exit(0);
  });
}

/** Waits until everything written to a stream has been flushed, or its reader has gone. */
const flushed = (stream: NodeJS.WriteStream) =>
  new Promise<void>((resolve) => (stream.destroyed ? resolve() : stream.write("", () => resolve())));

const streams = { stdin: process.stdin, stdout: process.stdout, stderr: process.stderr };
const argv = process.argv.slice(2);
// Until the options are parsed, errors are shown in the form that the arguments seem to request.
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
// Exit explicitly: an open standard input may keep the event loop alive.
process.exit(exitCode);

import { PassThrough } from "node:stream";
import type { Streams } from "../output/terminal.ts";

/** Standard streams that remember what was written to them. */
export interface RecordedStreams {
  streams: Streams;
  stdin: PassThrough;
  readonly out: string;
  readonly err: string;
}

/** Standard streams for a test; with `tty`, outputs that look like terminals. */
export function recordedStreams({ tty = false } = {}): RecordedStreams {
  const stdin = new PassThrough();
  const record = () => {
    const stream = Object.assign(new PassThrough(), { isTTY: tty, columns: 100, rows: 30, text: "" });
    stream.on("data", (chunk: Buffer) => (stream.text += chunk.toString()));
    return stream;
  };
  const [stdout, stderr] = [record(), record()];
  return {
    streams: { stdin, stdout, stderr },
    stdin,
    get out() {
      return stdout.text;
    },
    get err() {
      return stderr.text;
    },
  };
}

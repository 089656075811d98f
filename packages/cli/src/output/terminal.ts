import type { Readable, Writable } from "node:stream";
import { type Colours, colours, printable, wantsColour } from "./colour.ts";
import { type Progress, progressOn, silent } from "./progress.ts";
import { type Column, table } from "./table.ts";

export type OutputStream = Writable & { isTTY?: boolean; columns?: number; rows?: number };
export type InputStream = Readable & { isTTY?: boolean; setRawMode?(raw: boolean): unknown };

export interface Streams {
  stdin: InputStream;
  stdout: OutputStream;
  stderr: OutputStream;
}

export interface TerminalOptions {
  json?: boolean;
  quiet?: boolean;
  env?: NodeJS.ProcessEnv;
}

/** All output of commands goes through here: results to standard output, everything else to standard error. */
export class Terminal {
  readonly streams: Streams;
  readonly json: boolean;
  readonly quiet: boolean;
  /** Colours of standard output. */
  readonly colour: Colours;
  /** Colours of standard error. */
  readonly errColour: Colours;

  constructor(streams: Streams, { json = false, quiet = false, env = process.env }: TerminalOptions = {}) {
    this.streams = streams;
    this.json = json;
    this.quiet = quiet;
    this.colour = colours(wantsColour(streams.stdout, env));
    this.errColour = colours(wantsColour(streams.stderr, env));
  }

  /** Prints a result: one line of JSON with `--json`, otherwise text. */
  result(value: unknown, text: (colour: Colours) => string): void {
    this.streams.stdout.write(this.json ? `${JSON.stringify(value)}\n` : ending(text(this.colour)));
  }

  /** Prints a list: a JSON array with `--json`, otherwise a table, or a sentence if it is empty. */
  list<T>(items: T[], columns: (Column & { cell: (item: T, colour: Colours) => string })[], nothing: string): void {
    if (this.json) {
      this.streams.stdout.write(`${JSON.stringify(items)}\n`);
    } else if (items.length === 0) {
      this.note(nothing);
    } else {
      const rows = items.map((item) => columns.map((column) => column.cell(item, this.colour)));
      this.streams.stdout.write(table(columns, rows, this.colour.bold));
    }
  }

  /** Prints a note to standard error, without colours because it may contain untrusted names. Silent with `--quiet`. */
  note(text: string): void {
    if (!this.quiet) this.streams.stderr.write(ending(text.split("\n").map(printable).join("\n")));
  }

  /** Progress of long work; silent with `--quiet`. */
  progress(): Progress {
    return this.quiet ? silent : progressOn(this.streams.stderr);
  }
}

const ending = (text: string) => (text.endsWith("\n") || text === "" ? text : `${text}\n`);

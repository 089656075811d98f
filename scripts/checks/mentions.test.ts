/** What comments and pages refer to exists: files of this repository, and sections of the wire protocol. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { dirname, extname, join, normalize } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const SKIPPED = new Set(["node_modules", ".git", "dist"]);
const FILES = globSync("**/*", { cwd: ROOT, exclude: (name) => SKIPPED.has(name.split("/").at(-1)!) });

/** Comment lines, by kind of file; pages are read whole, without code blocks. */
const COMMENTS: Record<string, RegExp> = {
  ".ts": /^\s*(?:\/\/|\/?\*).*$|\s\/\/ .*$/gm,
  ".js": /^\s*(?:\/\/|\/?\*).*$|\s\/\/ .*$/gm,
  ".go": /^\s*\/\/.*$|\s\/\/ .*$/gm,
  ".py": /^\s*#.*$/gm,
  ".sh": /^\s*#.*$/gm,
  ".md": /^.*$/gm,
};

/** A path or a bare file name; not within a URL, an absolute path, or a name with a placeholder. */
const MENTION =
  /(?<![\w/.@~$*<>{}:-])(?:\.{1,2}\/)?(?:[\w.-]+\/)*[\w-][\w.-]*\.(?:ts|tsx|js|mjs|go|md|py|sh)\b(?![\w/*{<-])/g;

/** Names that are not files of this repository: products, methods, example files, Deno's standard library. */
const OTHERS = /^(?:Node\.js|node\.js|Next\.js|sandbox\.sh|session\.mjs|std\/.*)$/;

const read = (file: string) => readFileSync(join(ROOT, file), "utf8");
const prose = (file: string) => {
  const text = read(file).replaceAll(/^(?: *\* )?```[^]*?^(?: *\* )?```/gm, "");
  return Array.from(text.matchAll(COMMENTS[extname(file)]!), ([line]) => line);
};
const documented = FILES.filter((file) => extname(file) in COMMENTS);

test("files that comments and pages mention are there", () => {
  const ends = new Set(FILES.flatMap((file) => file.split("/").map((_, from, parts) => parts.slice(from).join("/"))));
  const dangling = documented.flatMap((file) =>
    prose(file).flatMap((line) =>
      Array.from(line.matchAll(MENTION), ([mention]) => mention)
        .filter(
          (mention) =>
            !OTHERS.test(mention) && !ends.has(mention) && !ends.has(normalize(join(dirname(file), mention))),
        )
        .map((mention) => `${file}: ${mention}`),
    ),
  );
  assert.deepEqual(dangling, []);
});

test("sections of docs/wire-protocol.md that comments cite are there", () => {
  const sections = new Set(
    Array.from(read("docs/wire-protocol.md").matchAll(/^#+ ([\d.]*\d)\.? /gm), ([, number]) => number),
  );
  const cited = documented.flatMap((file) =>
    Array.from(
      prose(file)
        .join("\n")
        .matchAll(/wire-protocol((?:[\s*,]|to|and|§[\d.]*\d)+)/g),
    ).flatMap(([, list]) => Array.from(list!.matchAll(/§([\d.]*\d)/g), ([, number]) => ({ file, number }))),
  );
  assert.ok(cited.length > 30);
  assert.deepEqual(
    cited.filter(({ number }) => !sections.has(number)),
    [],
  );
});

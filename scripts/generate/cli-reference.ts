/** The command reference in docs/cli.md, generated from the commands. */
import { type CommandSpec, optionsOf, root } from "@sandkeep/cli";

const MARK = "<!-- Made by scripts/generate/cli-reference.ts from here on. -->\n";
const COMMON = new Set(["--json", "--quiet", "--data-dir", "--endpoint", "--token"]);

/** Every visible command as Markdown. */
export function cliReference(): string {
  return sections(root, []).join("\n");
}

/** docs/cli.md with the current reference. */
export function cliPage(present: string): string {
  return `${present.slice(0, present.indexOf(MARK) + MARK.length)}\n${cliReference()}`;
}

function sections(spec: CommandSpec, path: string[]): string[] {
  return (spec.commands ?? [])
    .filter((sub) => !sub.hidden)
    .flatMap((sub) => {
      const words = [...path, sub.name];
      return [...(sub.load ? [section(sub, words)] : []), ...sections(sub, words)];
    });
}

function section(spec: CommandSpec, words: string[]): string {
  const own = optionsOf(spec).filter(
    ({ flags }) => ![...COMMON].some((name) => flags.includes(name)) || spec.options?.some((o) => o.flags === flags),
  );
  const aliases = spec.aliases?.length
    ? ` Also: ${spec.aliases.map((alias) => `\`${[...words.slice(0, -1), alias].join(" ")}\``).join(", ")}.`
    : "";
  const lines = [
    `### \`sandkeep ${[...words, spec.args].filter(Boolean).join(" ")}\``,
    "",
    `${spec.summary}.${aliases}`,
    "",
  ];
  if (spec.details) lines.push(spec.details.replaceAll("\n", " "), "");
  if (own.length > 0) {
    lines.push("| option | |", "| --- | --- |");
    for (const { flags, description, choices } of own) {
      lines.push(`| \`${flags}\` | ${escaped(description)}${choices ? ` (${choices.join(", ")})` : ""} |`);
    }
    lines.push("");
  }
  if (spec.examples)
    lines.push("```sh", ...spec.examples.map(([line, what]) => `${line.padEnd(60)} # ${what}`), "```", "");
  return lines.join("\n");
}

const escaped = (text: string) => text.replaceAll("|", "\\|").replaceAll("<", "&lt;");

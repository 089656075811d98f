import { readFileSync } from "node:fs";

/** Perl statements, as text for `perl -e`, that close all descriptors but those in the first argument. */
export const CLOSE_OTHERS = readFileSync(new URL("close-others.pl", import.meta.url), "utf8");

/** Runs a command with these descriptors, and the first three, as the only open ones. */
export function withOnly(descriptors: readonly number[], command: string[]): string[] {
  const kept = descriptors.toSorted((a, b) => a - b).join(",");
  return [
    "perl",
    "-e",
    `${CLOSE_OTHERS}exec { $ARGV[0] } @ARGV or die "cannot execute $ARGV[0]: $!\\n";`,
    "--",
    kept,
    ...command,
  ];
}

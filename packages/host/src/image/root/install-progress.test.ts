import assert from "node:assert/strict";
import { test } from "node:test";
import type { ImageProgress } from "../image.ts";
import { InstallProgress } from "./install-progress.ts";

function follow(lines: string[]): ImageProgress[] {
  const progress = new InstallProgress();
  return lines.map((line) => progress.line(line)).filter((event) => event !== undefined);
}

test("packages advance the phase they belong to", () => {
  const events = follow([
    "I: automatically chosen mode: root",
    "I: installing remaining packages inside the chroot...",
    "0 upgraded, 2 newly installed, 0 to remove and 0 not upgraded.",
    "Get:1 http://mirror.example/debian trixie/main amd64 git amd64 1:2.47.3-0 [8,862 kB]",
    "Get:2 http://mirror.example/debian trixie/main amd64 jq amd64 1.7.1-6 [79.0 kB]",
    "Selecting previously unselected package git.",
    "Unpacking git (1:2.47.3-0) ...",
    "Unpacking libjq1:amd64 (1.7.1-6) ...",
    "Setting up git (1:2.47.3-0) ...",
    "Setting up libjq1:amd64 (1.7.1-6) ...",
    "sandkeep-step: kernel",
  ]);
  assert.deepEqual(
    events.map(({ step, message }) => [step, message]),
    [
      ["install", "Installing remaining packages inside the chroot"],
      ["download", "Downloading git (8,862 kB)"],
      ["download", "Downloading jq (79.0 kB)"],
      ["install", "Unpacking git"],
      ["install", "Unpacking libjq1"],
      ["install", "Setting up git"],
      ["install", "Setting up libjq1"],
      ["configure", "Fetching the kernel"],
    ],
  );
  const fractions = events.map(({ fraction }) => fraction);
  assert.deepEqual(
    fractions,
    [...fractions].sort((a, b) => a - b),
  );
  assert.equal(fractions.at(-2), fractions.at(-1), "all packages done is where the next step begins");
});

test("progress never goes back, whatever the tools print", () => {
  const lines = [
    "sandkeep-step: disk",
    "I: running apt-get update...",
    "Setting up git (1) ...",
    "sandkeep-step: no-such",
    "sandkeep-step: unknown",
  ];
  const fractions = follow(lines).map(({ fraction }) => fraction);
  assert.equal(fractions.length, 4);
  assert.ok(fractions.every((fraction) => fraction === fractions[0]));
});

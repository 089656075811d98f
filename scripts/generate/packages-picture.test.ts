import assert from "node:assert/strict";
import { test } from "node:test";
import { architecturePage, drawPackages } from "./packages-picture.ts";

test("a package has an arrow to each that it imports, but for those that others of its arrows lead to", () => {
  const graph = new Map([
    ["cli", new Set(["common", "control"])],
    ["common", new Set<string>()],
    ["control", new Set(["common"])],
  ]);
  assert.equal(
    drawPackages(graph),
    [
      "```mermaid",
      "flowchart TD",
      "  cli",
      "  common",
      "  control",
      "  cli --> control",
      "  control --> common",
      "```",
    ].join("\n"),
  );
});

test("a page that has lost its marks is an error, not a page without the picture", () => {
  assert.throws(() => architecturePage("# Architecture\n"), /packages:begin/);
});

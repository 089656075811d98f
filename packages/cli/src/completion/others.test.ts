import assert from "node:assert/strict";
import { test } from "node:test";
import { root } from "../tree/root.ts";
import { fishCompletion } from "./fish.ts";
import { zshCompletion } from "./zsh.ts";

test("zsh's script describes commands, options with values, choices and ids", () => {
  const script = zshCompletion(root);
  assert.match(script, /^#compdef sandkeep\n/);
  assert.match(script, /'run:Run a command in a new sandbox, which ends with it'/);
  assert.match(script, /kill\|rm\|remove\) _sandkeep_kill ;;/);
  assert.match(script, /_sandkeep_token_create\(\)/);
  assert.match(script, /'\*--log-level\[how much to log\]:value:\(trace debug info warn error silent\)'/);
  assert.match(script, /'\*:sandbox:_sandkeep_ids'/);
  // Every function that is called is there.
  for (const [, name] of script.matchAll(/\) (_sandkeep\w+) ;;/g)) assert.ok(script.includes(`${name}() {`), name);
  assert.equal(script.replaceAll("\\'", "").match(/'/g)!.length % 2, 0, "quotes come in pairs");
});

test("fish's script describes commands, options with values, choices and ids", () => {
  const script = fishCompletion(root);
  assert.match(script, /-n '__fish_use_subcommand' -a run -d 'Run a command in a new sandbox, which ends with it'/);
  assert.match(script, /__fish_seen_subcommand_from token; and __fish_seen_subcommand_from list ls' .*-l json/);
  assert.match(script, /-l log-level .* -x -a 'trace debug info warn error silent'/);
  assert.match(script, /-l config .* -r -F/);
  assert.match(
    script,
    /__fish_seen_subcommand_from kill rm remove; and not __fish_seen_subcommand_from doors apps revisions egress net secret volumes volume snapshots snapshot token image' -a '\(sandkeep complete-ids 2>\/dev\/null\)'/,
  );
});

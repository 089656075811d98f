import assert from "node:assert/strict";
import { test } from "node:test";
import { remaining } from "./confinement.ts";

const user = { uid: 1_879_113_728, gid: 1_879_113_728 };
const TIGHT: Record<string, string> = {
  Uid: Array(4).fill(user.uid).join("\t"),
  Gid: Array(4).fill(user.gid).join("\t"),
  Groups: " ",
  CapInh: "00000000000000c4",
  CapPrm: "0000000000000000",
  CapEff: "0000000000000000",
  CapBnd: "00000000000000c4",
  CapAmb: "0000000000000000",
  NoNewPrivs: "1",
  Seccomp: "2",
};
const judge = (
  change: Record<string, string>,
  confinement = { user, filtered: true } as Parameters<typeof remaining>[1],
) =>
  remaining(
    Object.entries({ ...TIGHT, ...change })
      .map(([name, value]) => `${name}:\t${value}\n`)
      .join(""),
    confinement,
  );

test("a process with its own user, without groups and capabilities, which can gain none, is confined", () => {
  assert.equal(judge({}), null);
  assert.equal(judge({ Uid: "1000 1000 1000 1000", Groups: "27" }, { user: null, filtered: true }), null);
  assert.equal(judge({ Seccomp: "0" }, { user, filtered: false }), null);
});

test("whatever is left of its rights is found", () => {
  for (const [change, words] of [
    [{ Uid: `${user.uid} ${user.uid} 0 ${user.uid}` }, /still root/],
    [{ Uid: `${user.uid} 1000 ${user.uid} ${user.uid}` }, /not its own user/],
    [{ Gid: `${user.gid} ${user.gid} 0 ${user.gid}` }, /not its own user/],
    [{ Groups: "0 27" }, /groups 0 27/],
    [{ CapPrm: "0000000000000080" }, /CapPrm 0000000000000080/],
    [{ CapAmb: "0000000000000004" }, /CapAmb/],
    [{ NoNewPrivs: "0" }, /gain privileges/],
    [{ Seccomp: "0" }, /no seccomp filter/],
  ] as const)
    assert.match(judge(change) ?? "", words);
  assert.match(judge({ Uid: "0 0 0 0" }, { user: null, filtered: true }) ?? "", /still root/);
  assert.match(remaining("", { user: null, filtered: true }) ?? "", /capabilities/);
});

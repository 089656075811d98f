import assert from "node:assert/strict";
import { test } from "node:test";
import { Backlog } from "./backlog.ts";

const client = (organisation: string, unread: number) => ({ organisation, unread });

test("nobody must leave while there is room, also when others have become slower and faster", () => {
  const backlog = new Backlog(100);
  const [one, other] = [client("a", 60), client("b", 40)];
  assert.equal(backlog.note(one), null);
  assert.equal(backlog.note(other), null);
  one.unread = 0;
  other.unread = 100;
  assert.equal(backlog.note(other), null);
});

test("the heaviest client of the heaviest organisation must leave, not the heaviest of all", () => {
  const backlog = new Backlog(100);
  const many = [client("many", 20), client("many", 25), client("many", 20)];
  const lone = client("lone", 40);
  for (const each of [lone, ...many.slice(1)]) assert.equal(backlog.note(each), null);
  assert.equal(backlog.note(many[0]!), many[1]);
});

test("who has left counts no more", () => {
  const backlog = new Backlog(100);
  const [gone, next] = [client("a", 90), client("a", 90)];
  assert.equal(backlog.note(gone), null);
  backlog.forget(gone);
  assert.equal(backlog.note(next), null);
});

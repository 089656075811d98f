import assert from "node:assert/strict";
import { test } from "node:test";
import { GUESSES_MS, MAX_GUESSERS, MAX_GUESSES } from "../limits.ts";
import { Guesses } from "./guesses.ts";

function guess(guesses: Guesses, address: string, times = MAX_GUESSES): void {
  for (let n = 0; n < times; n++) guesses.add(address);
}

test("an address that has guessed too often waits until its time is over", () => {
  let now = 0;
  const guesses = new Guesses(() => now);
  guess(guesses, "192.0.2.1", MAX_GUESSES - 1);
  assert.equal(guesses.tooMany("192.0.2.1"), false);
  guesses.add("192.0.2.1");
  assert.equal(guesses.tooMany("192.0.2.1"), true);
  assert.equal(guesses.tooMany("192.0.2.2"), false);
  now = GUESSES_MS;
  assert.equal(guesses.tooMany("192.0.2.1"), false);
});

test("IPv6 addresses of one network count together, also in their short forms", () => {
  const guesses = new Guesses(() => 0);
  guess(guesses, "2001:db8:1:2::1");
  assert.equal(guesses.tooMany("2001:db8:1:2:ffff:ffff:ffff:ffff"), true);
  assert.equal(guesses.tooMany("2001:db8:1:3::1"), false);
  guess(guesses, "2001:db8::7");
  assert.equal(guesses.tooMany("2001:db8:0:0:1::"), true);
});

test("an IPv4 address counts as itself when it comes through an IPv6 socket", () => {
  const guesses = new Guesses(() => 0);
  guess(guesses, "::ffff:192.0.2.1");
  assert.equal(guesses.tooMany("192.0.2.1"), true);
  assert.equal(guesses.tooMany("::ffff:192.0.2.2"), false);
});

test("counting a great many addresses does not use a great deal of memory", () => {
  const guesses = new Guesses(() => 0);
  guess(guesses, "192.0.2.1");
  for (let n = 0; n < MAX_GUESSERS; n++) guesses.add(`10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`);
  assert.equal(guesses.tooMany("192.0.2.1"), false, "the oldest is forgotten");
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { fc, property } from "../testing/property.ts";
import { Redactor } from "./redact.ts";
import { SecretSet } from "./secret.ts";
import { chunked, cuts, secretOf, spellings, surroundings, values } from "./testing/arbitraries.ts";
import { redactNaively } from "./testing/oracle.ts";

function redact(redactor: Redactor, chunks: Buffer[]): { data: Buffer; found: string[] } {
  const scanner = redactor.scanner();
  const parts = chunks.flatMap((chunk) => scanner.push(chunk));
  return { data: Buffer.concat([...parts, ...scanner.flush()]), found: scanner.found() };
}

test("does what the naive redactor does: any values, spellings, surroundings and chunks", () =>
  property(
    [
      fc.array(values, { minLength: 1, maxLength: 3 }),
      fc.array(fc.tuple(surroundings, fc.nat({ max: 2 }), spellings), { minLength: 1, maxLength: 3 }),
      surroundings,
      cuts,
      fc.boolean(),
    ],
    (list, parts, end, places, every) => {
      const secrets = list.map((value, index) => secretOf(value, { name: `S${index}` }));
      const data = Buffer.concat([...parts.flatMap(([before, which, spell]) => [before, spell(list[which % list.length]!)]), end]);
      const expected = redactNaively(data, secrets);
      const got = redact(new Redactor(new SecretSet(secrets)), chunked(data, places, every));
      assert.deepEqual(got, expected);
    },
    { runs: 3000 },
  ));

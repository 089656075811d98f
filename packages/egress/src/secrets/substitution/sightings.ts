import { Finder } from "../search/finder.ts";
import { formsOf } from "../search/forms.ts";
import type { SecretSet } from "../secret.ts";

const finders = new WeakMap<SecretSet, Finder>();

/** Finds a sandbox's placeholders, including encoded ones. Created once, not for each request. Needles are numbered as in {@link SecretSet.spellings}. */
export function placeholderFinder(all: SecretSet): Finder {
  let finder = finders.get(all);
  if (!finder)
    finders.set(all, (finder = new Finder(formsOf(all.spellings.map(({ placeholder }) => Buffer.from(placeholder))))));
  return finder;
}

/** Names of the secrets whose placeholder occurs in a text, encoded or not. */
export function sightings(text: string, all: SecretSet): string[] {
  if (text.length < all.placeholders.shortest) return [];
  const names: string[] = [];
  const search = placeholderFinder(all).search(Buffer.from(text, "latin1"));
  for (let match = search.next(0); match; match = search.next(match.end))
    names.push(all.spellings[match.form.needle]!.secret.name);
  return names;
}

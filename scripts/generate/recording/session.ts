/** What docs/recording.svg shows. */
export const TITLE =
  "Sandkeep in a terminal: a sandbox, a secret that it cannot read, and a request that policy denies";

/** Typed one after the other. `MY_KEY` and `id` are variables of the shell. */
export const COMMANDS = [
  "./sandkeep run -- uname -a",
  "# One allowed host, and a key that the sandbox can use but never sees:",
  "export MY_KEY=sk-the-real-key",
  "id=$(./sandkeep create --allow-net api.example.com --secret API_KEY=MY_KEY@api.example.com)",
  "./sandkeep exec $id -- printenv API_KEY",
  "./sandkeep exec $id -- curl -si https://example.org/",
  "./sandkeep events $id --kind http",
];

/** Where sandboxes and volumes live: `ord` (Chicago) or `ams` (Amsterdam), by the platform's names. */
export type Region = "ord" | "ams";

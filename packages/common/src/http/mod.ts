/** Headers of HTTP messages, for proxies: what may be passed on from one connection to the next. */
export * from "./headers.ts";

/** What is the same on every serial port of a machine: how a connection begins. */
export { HELLO_MAGIC, HelloError, NONCE_BYTES, READY_MAGIC, sayHello } from "./hello.ts";

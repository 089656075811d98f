/** The library that creates certificates, set up: Node's own crypto can only read them. */
// tsyringe, with which the library wires itself, needs this to be loaded first.
import "reflect-metadata";
import { webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";

x509.cryptoProvider.set(webcrypto);

export { x509 };

/** The parts of `ssh2` that are used. It is CommonJS, and Node.js does not see its exports by name. */
import ssh2 from "ssh2";

export const { BaseAgent, Client, Server, utils } = ssh2;

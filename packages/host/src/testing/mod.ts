/** FOR TESTS ONLY: suites that every host and engine must pass, and their parts. */
export { createQemu } from "../engine/qemu/create.ts";
export { pathWithGo } from "../image/build/agent.ts";
export { createFolder, MACHINE_RECORD } from "../machines/folder.ts";
export { type EngineFixture, engineSuite } from "./engine-suite.ts";
export { hostSuite, type OpenedHost, OWNER, specOf } from "./host-suite.ts";
export { MemoryStorage } from "./memory-storage.ts";
export { type NewMachines, openNewMachines } from "./new-machines.ts";
export { type OwnHost, startOwnHost } from "./own-host.ts";
export { type PausedMachine, startPausedMachine } from "./paused-machine.ts";
export { magicKey, run, shell } from "./shell.ts";
export { volumeSuite } from "./volume-suite.ts";

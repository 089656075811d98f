import { availableParallelism } from "node:os";
import { Gate } from "@sandkeep/common";

/**
 * Machines that are made while somebody waits for one: translating their code keeps a processor busy each, and the two of
 * a machine that has only a share of one mostly wait for each other.
 */
export const LOADING = new Gate(availableParallelism());

export type DoorKind = "http" | "vscode" | "ssh" | "terminal";

/** A way into a sandbox from outside. */
export interface DoorRecord {
  id: string;
  organisation: string;
  kind: DoorKind;
  /** First label of its host name, or the user name of SSH. Unique. */
  name: string;
  /** Null: a stable name that nothing is behind now. */
  sandbox: string | null;
  /** Null until it is known. */
  port: number | null;
  /** The Deno process whose server it leads to, if it was made for a process. */
  pid: number | null;
  auth: "none" | "token";
  /** SHA-256, hexadecimal. */
  tokenHash: string | null;
  tokenExpiresAt: number | null;
  /** Whether the organisation keeps the name when the sandbox has ended. */
  stable: boolean;
  /** What only doors of this kind have. The store does not look into it. */
  details: object | null;
  createdAt: number;
}

export interface DoorStore {
  /**
   * @throws {UniqueViolation} if the name is taken
   * @throws {NothingChanged} if the sandbox is not running
   */
  insert(door: DoorRecord): Promise<void>;
  /**
   * Replaces everything of a door but its id, organisation, kind and name.
   *
   * @throws {NothingChanged} if the door is gone, or the sandbox is not running
   */
  update(door: DoorRecord): Promise<void>;
  findByName(name: string): Promise<DoorRecord | null>;
  /** Oldest first, names without a sandbox included. */
  list(organisation: string): Promise<DoorRecord[]>;
  ofSandbox(sandbox: string): Promise<DoorRecord[]>;
  /** Doors of the running and paused sandboxes of a control plane. */
  ofOwner(owner: string): Promise<DoorRecord[]>;
  remove(id: string): Promise<void>;
}

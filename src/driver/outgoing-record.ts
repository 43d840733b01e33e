import type { Compression } from "../core/message.ts";

/** A message to be sent: bytes. */
export interface OutgoingRecord {
  readonly topic: string;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly (readonly [string, Uint8Array | null])[];
  /** In ms since the epoch. */
  readonly timestamp: number;
  /** Given: it goes alone, packed so. Missing: as all others. */
  readonly compression?: Compression | undefined;
}

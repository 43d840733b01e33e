import type { Reader } from "../reader.ts";

/** What every request begins with (request header v1; v2 has tagged fields after it). */
export interface RequestHeader {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly correlationId: number;
  readonly clientId: string | null;
}

/**
 * Reads a header up to the client id. The tagged fields of a v2 are the caller's to skip, who knows whether the version
 * has them. Throws `WireError`.
 */
export function readRequestHeader(reader: Reader): RequestHeader {
  return {
    apiKey: reader.int16(),
    apiVersion: reader.int16(),
    correlationId: reader.int32(),
    clientId: reader.nullableString(),
  };
}

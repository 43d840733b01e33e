import { type Call, makeCall } from "../call.ts";

export interface FindCoordinatorRequest {
  readonly keyType: "group" | "transaction";
  /** The group id or the transactional id. */
  readonly key: string;
}

export interface FindCoordinatorResponse {
  readonly throttleTimeMs: number;
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
}

/** FindCoordinator, version 2. */
export function findCoordinator({ keyType, key }: FindCoordinatorRequest): Call<FindCoordinatorResponse> {
  return makeCall({
    apiKey: 10,
    apiName: "FindCoordinator",
    apiVersion: 2,
    write: (w) => w.string(key).int8(keyType === "group" ? 0 : 1),
    read: (r) => ({
      throttleTimeMs: r.int32(),
      errorCode: r.int16(),
      errorMessage: r.nullableString(),
      nodeId: r.int32(),
      host: r.string(),
      port: r.int32(),
    }),
  });
}

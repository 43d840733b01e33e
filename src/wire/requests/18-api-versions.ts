import { type Call, makeCall } from "../call.ts";
import type { Reader } from "../reader.ts";

export interface ApiVersionsRequest {
  /** Of the client; letters, digits, `-` and `.` only. */
  readonly softwareName: string;
  readonly softwareVersion: string;
}

export interface ApiVersionsResponse {
  readonly errorCode: number;
  readonly apis: readonly { readonly apiKey: number; readonly minVersion: number; readonly maxVersion: number }[];
  readonly throttleTimeMs: number;
  /** What the whole cluster has been switched to, as `transaction.version` (KIP-584): the level by the feature's name. */
  readonly finalizedFeatures: ReadonlyMap<string, number>;
}

const FINALIZED_FEATURES = 2; // the tag

/** ApiVersions, version 3. */
export function apiVersions({ softwareName, softwareVersion }: ApiVersionsRequest): Call<ApiVersionsResponse> {
  return makeCall({
    apiKey: 18,
    apiName: "ApiVersions",
    apiVersion: 3,
    flexible: true,
    plainAnswer: true,
    write: (w) => w.compactString(softwareName).compactString(softwareVersion),
    read: (r) => {
      const errorCode = r.int16();
      const apis = r.compactArray(() => {
        const api = { apiKey: r.int16(), minVersion: r.int16(), maxVersion: r.int16() };
        r.skipTaggedFields();
        return api;
      });
      const throttleTimeMs = r.int32();
      let finalizedFeatures: ReadonlyMap<string, number> = new Map();
      r.taggedFields((tag, field) => {
        if (tag === FINALIZED_FEATURES) finalizedFeatures = features(field);
      });
      return { errorCode, apis, throttleTimeMs, finalizedFeatures };
    },
  });
}

function features(r: Reader): ReadonlyMap<string, number> {
  return new Map(r.compactArray((): [string, number] => {
    const name = r.compactString();
    const maxVersionLevel = r.int16();
    r.int16(); // minVersionLevel
    r.skipTaggedFields();
    return [name, maxVersionLevel];
  }));
}

import { Code } from "../../wire/error-codes.ts";
import { features } from "../features.ts";
import { array, boolean, int16, int32, int64, string } from "../protocol/fields.ts";
import { api } from "./api.ts";

const SOFTWARE = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/;

export const apiVersions = api({
  key: 18,
  name: "ApiVersions",
  versions: [0, 4],
  flexibleFrom: 3,
  request: {
    clientSoftwareName: string({ v: "3+" }),
    clientSoftwareVersion: string({ v: "3+" }),
  },
  response: {
    errorCode: int16({ or: 0 }),
    apiKeys: array({ apiKey: int16(), minVersion: int16(), maxVersion: int16() }),
    throttleTimeMs: int32({ v: "1+", or: 0 }),
    supportedFeatures: array({ name: string(), minVersion: int16(), maxVersion: int16() }, { v: "3+", tag: 0 }),
    finalizedFeaturesEpoch: int64({ v: "3+", tag: 1, or: -1 }),
    finalizedFeatures: array({ name: string(), maxVersionLevel: int16(), minVersionLevel: int16() }, {
      v: "3+",
      tag: 2,
    }),
    /** Always false now that Kafka has no ZooKeeper. */
    zkMigrationReady: boolean({ v: "3+", tag: 3, or: false }),
  },
  handle(broker, request, { version }) {
    const all = broker.apis.map(({ key, versions: [minVersion, maxVersion], advertisedFrom }) => ({
      apiKey: key,
      minVersion: advertisedFrom ?? minVersion,
      maxVersion,
    }));
    // A version that is not served arrives here as -1, without its fields.
    if (version < 0) return { errorCode: Code.UNSUPPORTED_VERSION, apiKeys: all.filter(({ apiKey }) => apiKey === 18) };
    const { clientSoftwareName, clientSoftwareVersion } = request;
    if (version >= 3 && !(SOFTWARE.test(clientSoftwareName) && SOFTWARE.test(clientSoftwareVersion))) {
      return { errorCode: Code.INVALID_REQUEST, apiKeys: [] };
    }
    return {
      apiKeys: all,
      // Before version 4 clients did not take a lowest version of 0 (KAFKA-17011).
      supportedFeatures: features.filter(({ minVersion }) => version >= 4 || minVersion > 0),
      finalizedFeaturesEpoch: 1,
      finalizedFeatures: features.map(({ name, finalized }) => ({
        name,
        maxVersionLevel: finalized,
        minVersionLevel: finalized,
      })),
    };
  },
});

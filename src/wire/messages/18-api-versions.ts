import { array, boolean, int16, int32, int64, string } from "../protocol/fields.ts";
import { message } from "../protocol/message.ts";

export const apiVersions = message({
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
});

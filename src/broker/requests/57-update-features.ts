import { Code } from "../../wire/error-codes.ts";
import { features } from "../features.ts";
import { array, boolean, int16, int32, int8, string } from "../protocol/fields.ts";
import { api } from "./api.ts";

/** Features are what they are: asking for what is there already ends well, anything else says why it cannot be. */
export const updateFeatures = api({
  key: 57,
  name: "UpdateFeatures",
  versions: [0, 2],
  flexibleFrom: 0,
  request: {
    timeoutMs: int32({ or: 60_000 }),
    featureUpdates: array({
      feature: string(),
      maxVersionLevel: int16(),
      allowDowngrade: boolean({ v: "0", or: false }),
      upgradeType: int8({ v: "1+", or: 1 }),
    }),
    validateOnly: boolean({ v: "1+", or: false }),
  },
  response: {
    throttleTimeMs: int32({ or: 0 }),
    errorCode: int16({ or: 0 }),
    errorMessage: string({ nullable: "0+", or: null }),
    results: array({ feature: string(), errorCode: int16(), errorMessage: string({ nullable: "0+" }) }, {
      v: "0-1",
      or: [],
    }),
  },
  handle(_broker, { featureUpdates }) {
    const results = featureUpdates.map(({ feature, maxVersionLevel }) => {
      const errorMessage = refuse(feature, maxVersionLevel);
      const errorCode = errorMessage === null ? Code.NONE : Code.INVALID_UPDATE_VERSION;
      return { feature, errorCode, errorMessage: errorMessage ?? "NONE" };
    });
    // One that fails fails all.
    const failed = results.find(({ errorCode }) => errorCode !== Code.NONE);
    if (failed === undefined) return { results };
    return { errorCode: failed.errorCode, errorMessage: failed.errorMessage, results: [] };
  },
});

function refuse(feature: string, level: number): string | null {
  const known = features.find(({ name }) => name === feature);
  if (known === undefined) return `This broker, which is for development, does not have the feature ${feature}.`;
  return level === known.finalized
    ? null
    : `The feature ${feature} is at level ${known.finalized}, which cannot be changed on this broker for development.`;
}

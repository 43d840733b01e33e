import { updateFeatures as message } from "../../wire/messages/57-update-features.ts";
import { Code } from "../../wire/error-codes.ts";
import { features } from "../features.ts";
import { api } from "./api.ts";

/** Features are what they are: asking for what is there already ends well, anything else says why it cannot be. */
export const updateFeatures = api(message, (_broker, { featureUpdates }) => {
  const results = featureUpdates.map(({ feature, maxVersionLevel }) => {
    const errorMessage = refuse(feature, maxVersionLevel);
    const errorCode = errorMessage === null ? Code.NONE : Code.INVALID_UPDATE_VERSION;
    return { feature, errorCode, errorMessage: errorMessage ?? "NONE" };
  });
  // One that fails fails all.
  const failed = results.find(({ errorCode }) => errorCode !== Code.NONE);
  if (failed === undefined) return { results };
  return { errorCode: failed.errorCode, errorMessage: failed.errorMessage, results: [] };
});

function refuse(feature: string, level: number): string | null {
  const known = features.find(({ name }) => name === feature);
  if (known === undefined) return `This broker, which is for development, does not have the feature ${feature}.`;
  return level === known.finalized
    ? null
    : `The feature ${feature} is at level ${known.finalized}, which cannot be changed on this broker for development.`;
}

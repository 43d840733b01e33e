import { apiVersions as message } from "../../wire/messages/18-api-versions.ts";
import { Code } from "../../wire/error-codes.ts";
import { features } from "../features.ts";
import { api } from "./api.ts";

const SOFTWARE = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/;

export const apiVersions = api(message, (broker, request, { version }) => {
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
});

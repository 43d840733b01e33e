import { array, boolean, int16, int32, int8, string } from "../protocol/fields.ts";
import { message } from "../protocol/message.ts";

/** Features are what they are: asking for what is there already ends well, anything else says why it cannot be. */
export const updateFeatures = message({
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
});

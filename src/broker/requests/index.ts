import { metadata } from "./03-metadata.ts";
import { apiVersions } from "./18-api-versions.ts";
import type { AnyApi } from "./api.ts";

/** All that is served, by key: what is listed here is advertised. */
export const apis: readonly AnyApi[] = [
  metadata,
  apiVersions,
];

import { MephistoError } from "../../src/core/errors.ts";

/** The code of what a promise was rejected with; "" when it was not. */
export async function failure(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "";
  } catch (error) {
    if (error instanceof MephistoError) return error.code;
    throw error;
  }
}

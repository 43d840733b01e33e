import { MephistoError } from "../core/errors.ts";
import { suggestion } from "../core/nearest.ts";
import { SETTING_VARIABLES, variableOf } from "./settings.ts";

/** What all of our environment variables begin with. */
export const PREFIX = "MEPHISTO_";

/** The flags of the command line that may come from the environment, beside a worker's settings. */
export const OPTION_FLAGS = [
  "loglevel",
  "logfile",
  "log-format",
  "web-port",
  "web-bind",
  "without-web",
  "brief",
] as const;

/** The environment variables that stand for {@link OPTION_FLAGS}. */
export const OPTION_VARIABLES: readonly string[] = OPTION_FLAGS.map(variableOf);

/** Mephisto's own tests have theirs. */
const OF_TESTS = /^MEPHISTO_(TEST_.*|NODE)$/;

/** What Kubernetes (and Docker before it) sets for services whose names begin with `mephisto`. */
const OF_SERVICES = /_(SERVICE_(HOST|PORT(_\w+)?)|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$/;

/**
 * Checks that the variables of these names, which begin with `MEPHISTO_`, are known: a misspelt one would otherwise do
 * nothing, in silence. Errors: `INVALID_OPTION`, with the name that was probably meant.
 */
export function checkVariables(names: readonly string[]): void {
  const known = [...SETTING_VARIABLES, ...OPTION_VARIABLES];
  const unknown = names.find((name) => !known.includes(name) && !OF_TESTS.test(name) && !OF_SERVICES.test(name));
  if (unknown === undefined) return;
  const hint = suggestion(unknown.slice(PREFIX.length), known.map((name) => name.slice(PREFIX.length)), PREFIX);
  throw new MephistoError(
    "INVALID_OPTION",
    `There is no environment variable ${unknown}.${hint || ` There are ${known.join(", ")}.`} ` +
      `Names that begin with ${PREFIX} are Mephisto's: unset it, or give a variable of your own another name.`,
  );
}

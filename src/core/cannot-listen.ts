import { codeOf, MephistoError } from "./errors.ts";

/** What was to be listened on, and what changes that. */
export interface Listening {
  /** Begins the sentence: `The web port`. */
  readonly what: string;
  readonly port: number;
  readonly host: string;
  /** `--web-port` */
  readonly portFlag: string;
  /** `--web-bind` */
  readonly hostFlag: string;
  /** What else can be done about a port that is taken. */
  readonly orElse?: string;
}

/** Why a port cannot be listened on, by the code, on which the runtimes agree; undefined for another error. */
export function cannotListen(cause: unknown, listening: Listening): MephistoError | undefined {
  const { what, port, host, portFlag, orElse = "" } = listening;
  switch (codeOf(cause)) {
    case "EADDRINUSE":
    case "PORT_IN_USE":
      return new MephistoError(
        "PORT_IN_USE",
        `${what} ${port} on ${host} is taken by another program: choose another with ${portFlag} (0 takes any free ` +
          `one)${orElse}.`,
        { cause },
      );
    case "EACCES":
    case "EPERM":
      return new MephistoError(
        "INVALID_OPTION",
        `${what} ${port} on ${host} may not be opened by this user: choose one of 1024 or more with ${portFlag}.`,
        { cause },
      );
    case "EADDRNOTAVAIL":
    case "EAFNOSUPPORT":
    case "EINVAL":
    case "ENOTFOUND":
      return noSuchAddress(listening, cause);
    default:
      return undefined;
  }
}

/** Why an address that is not of this machine cannot be listened on. */
export function noSuchAddress({ host, hostFlag }: Pick<Listening, "host" | "hostFlag">, cause: unknown): MephistoError {
  return new MephistoError(
    "INVALID_OPTION",
    `Nothing can listen on ${host}, which is not an address of this machine: choose one with ${hostFlag}.`,
    { cause },
  );
}

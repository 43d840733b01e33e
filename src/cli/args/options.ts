import type { ArgDef, ArgsDef, StringArgDef } from "citty";
import { MephistoError } from "../../core/errors.ts";
import { lookUp, type Setting, SETTING_FLAGS, type SettingSources, variableOf } from "../../worker/settings.ts";
import { suggestion } from "../../core/nearest.ts";
import { type OPTION_FLAGS, PREFIX } from "../../worker/variables.ts";
import { LOG_FORMATS, LOG_LEVELS, type LogFormat, type LogLevel } from "../terminal/logger.ts";

/** What the `worker` command needs to know beside the worker's own settings. */
export interface CliOptions {
  readonly loglevel: LogLevel;
  readonly logfile: Setting<string> | undefined;
  readonly logFormat: LogFormat;
  /** Whether nothing is said of ordinary life. */
  readonly brief: boolean;
  /** Nothing: no web port. 0: any free one. */
  readonly web: { readonly port: number; readonly bind: string } | undefined;
}

/** The web port of a worker, and of the first one of `dev`. */
export const WEB_PORT = 6066;
const WEB_BIND = "127.0.0.1";

/** The flags of what the command line itself needs to know. */
export const OPTION_ARGS = {
  loglevel: text("loglevel", "Log level; default info", { alias: "l", valueHint: LOG_LEVELS.join("|") }),
  logfile: text("logfile", "Append log lines to a file", { alias: "f", valueHint: "file" }),
  "log-format": text("log-format", "Format of log lines; default text", { valueHint: LOG_FORMATS.join("|") }),
  "web-port": text("web-port", "Port of the HTTP status; default 6066; 0 takes any free one", {
    alias: "p",
    valueHint: "port",
  }),
  "web-bind": text("web-bind", "Address of the web port; default 127.0.0.1", { alias: "b", valueHint: "address" }),
  "without-web": { type: "boolean", description: "Open no web port [MEPHISTO_WITHOUT_WEB]" },
  brief: {
    type: "boolean",
    description: "Log no routine lines: the start, joins, elections [MEPHISTO_BRIEF]",
  },
} as const satisfies Record<(typeof OPTION_FLAGS)[number], ArgDef>;

/** The flags of a worker's settings. */
export const SETTING_ARGS: ArgsDef = {
  ...Object.fromEntries(
    Object.entries(SETTING_FLAGS).map((
      [flag, { help, value }],
    ) => [flag, text(flag, help, value ? { valueHint: value } : {})]),
  ),
  master: { type: "boolean", default: true, description: "Never become master [MEPHISTO_NO_MASTER]" },
};

function text(flag: string, description: string, more: Partial<StringArgDef> = {}): StringArgDef {
  return { type: "string", description: `${description} [${variableOf(flag)}]`, ...more };
}

/** Flag, environment, default. Errors: `INVALID_OPTION`, with what is wrong and where it came from. */
export function resolveOptions(given: SettingSources): CliOptions {
  const get = (flag: string) => lookUp<string>(flag, undefined, given);
  const port = get("web-port");
  const bind = get("web-bind");
  if (bind && !/^[^\s/]+$/.test(bind.value)) {
    throw wrong(bind, "is not an address to listen on, such as 127.0.0.1 or ::");
  }
  const web = { port: port ? portOf(port) : WEB_PORT, bind: bind?.value ?? WEB_BIND };
  const logfile = get("logfile");
  if (logfile?.value === "") throw wrong(logfile, "is not the name of a file");
  return {
    loglevel: resolveLoglevel(given),
    logfile,
    logFormat: oneOf(get("log-format"), LOG_FORMATS) ?? "text",
    brief: isTrue(get("brief")),
    web: isTrue(get("without-web")) ? undefined : web,
  };
}

/** The log level; `info` unless something else is said. */
export function resolveLoglevel(given: SettingSources): LogLevel {
  return oneOf(lookUp<string>("loglevel", undefined, given), LOG_LEVELS) ?? "info";
}

/** Reads a port. Errors: `INVALID_OPTION`. */
export function portOf(setting: Setting<string>): number {
  const port = Number(setting.value);
  if (/^\d+$/.test(setting.value) && port < 65536) return port;
  const isService = /^(tcp|udp):\/\//.test(setting.value) && setting.from.startsWith(PREFIX);
  const hint = isService ? " Kubernetes has set it for a service of that name: say enableServiceLinks: false." : "";
  throw wrong(setting, "is not a port: give a number from 0 (any free one) to 65535", hint);
}

function oneOf<T extends string>(setting: Setting<string> | undefined, known: readonly T[]): T | undefined {
  if (setting === undefined) return undefined;
  const found = known.find((word) => word === setting.value);
  if (found !== undefined) return found;
  throw wrong(setting, `is none of ${known.join(", ")}`, suggestion(setting.value, known));
}

function isTrue(setting: Setting<string> | undefined): boolean {
  if (setting === undefined) return false;
  if (/^(1|true|yes|on)$/i.test(setting.value)) return true;
  if (/^(0|false|no|off)$/i.test(setting.value)) return false;
  throw wrong(setting, "is neither true nor false");
}

function wrong({ value, from }: Setting<string>, what: string, hint = ""): MephistoError {
  return new MephistoError("INVALID_OPTION", `${from}: ${JSON.stringify(value)} ${what}.${hint}`);
}

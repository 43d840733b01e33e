import process from "node:process";
import { granted } from "./permission.ts";

/** An environment variable; empty and forbidden ones count as not set. */
export function variable(name: string): string | undefined {
  if (!granted({ name: "env", variable: name })) return undefined;
  const value = process.env[name];
  return value === "" ? undefined : value;
}

/** The environment variables of these names. */
export function variables(names: readonly string[]): Record<string, string | undefined> {
  return Object.fromEntries(names.map((name) => [name, variable(name)]));
}

/** The names of the environment variables that begin so; none where this process may not look at all of them. */
export function variableNames(prefix: string): string[] {
  return granted({ name: "env" }) ? Object.keys(process.env).filter((name) => name.startsWith(prefix)) : [];
}

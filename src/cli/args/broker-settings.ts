import { repeated, UsageError } from "./parse.ts";

/** What a broker is told by its flags, in the words of Kafka's settings. Errors: what has no effect, or is not there. */
export async function brokerSettingsOf(
  flags: Record<string, string | undefined>,
  words: readonly string[],
): Promise<Readonly<Record<string, string>>> {
  const settings = new Map<string, string>();
  const from = new Map<string, string>();
  const add = (name: string, value: string, flag: string) => {
    const other = from.get(name);
    if (other !== undefined) throw new UsageError(`${other} and ${flag} say the same: leave one out.`);
    settings.set(name, value);
    from.set(name, flag);
  };
  if (flags["auto-create"] === "false") add("auto.create.topics.enable", "false", "--no-auto-create");
  if (flags.partitions !== undefined) add("num.partitions", flags.partitions, "--partitions");
  for (const word of repeated(words, "set")) {
    const equals = word.indexOf("=");
    if (equals < 1) throw new UsageError(`--set: ${JSON.stringify(word)} is not name=value, such as num.partitions=3.`);
    const name = word.slice(0, equals).trim();
    add(name, word.slice(equals + 1), `--set ${name}`);
  }
  const given = Object.fromEntries(settings);
  if (settings.size > 0) {
    const { checkSettings } = await import("../../broker/settings/settings.ts");
    checkSettings(given, (name) => from.get(name) ?? name);
  }
  return given;
}

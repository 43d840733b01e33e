import { get } from "node:http";

/** What a worker's web port says of it, as far as it matters here. */
export interface Probe {
  readonly ready: boolean;
  readonly master: boolean;
}

/** How long an answer may take, in ms. */
const ANSWER_WITHIN = 1000;

/** Asks the worker with this pid on its web port; nothing when it does not answer, or when another does. */
export function probe(port: number, pid: number): Promise<Probe | undefined> {
  return new Promise((resolve) => {
    const request = get({ host: "127.0.0.1", port, path: "/", agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (part: string) => text += part);
      response.on("end", () => resolve(read(text, pid)));
      response.on("error", () => resolve(undefined));
    });
    request.setTimeout(ANSWER_WITHIN, () => request.destroy());
    request.on("error", () => resolve(undefined));
    request.on("close", () => resolve(undefined));
  });
}

function read(text: string, pid: number): Probe | undefined {
  try {
    const { worker, ready, mastership } = JSON.parse(text);
    // A worker's name is <host>-<pid>-<random>.
    if (!new RegExp(`-${pid}-[0-9a-f]+$`).test(String(worker))) return undefined;
    return { ready: ready === true, master: mastership?.master === true };
  } catch {
    return undefined; // some other program's answer
  }
}

// A crawler: the master says what is to be fetched, and when; all workers fetch. Try it: bun run examples/crawl.ts dev
import { setTimeout as sleep } from "node:timers/promises";
import { actor, app, cron, type Stream, task, timer } from "mephisto";

const crawl = app("crawl-example");

/** They need no network. In earnest: addresses that begin with https. */
const SOURCES = ["data:text/html,<h1>Bread</h1>", "data:text/html,<h1>Roses</h1>", "data:text/html,<h1>Coal</h1>"];

interface Page {
  url: string;
}

interface Title {
  url: string;
  title: string;
}

/** Keeps what was found. It may get a message twice: a store that goes by the address makes that harmless. */
const titles = actor(crawl, async function titles(stream: Stream<Title>) {
  for await (const batch of stream.take(100, { within: "1s" })) {
    console.log(`KEPT ${batch.map(({ title }) => title).join(", ")}`);
  }
});

/** Fetches, on all workers. What throws is tried again, and set aside at last. */
const pages = actor(crawl, async function pages(stream: Stream<Page>) {
  for await (const { url } of stream) {
    const answer = await fetch(url, { signal: AbortSignal.timeout(10_000) });
    const title = /<h1>(.*?)<\/h1>/.exec(await answer.text())?.[1] ?? "no title";
    console.log(`FETCHED ${title}`);
    await titles.send({ key: url, value: { url, title } });
  }
});

/** No new round before all pages of the last one have been fetched. */
timer(crawl, "3s", { onMaster: true, overlap: "untilConsumed", immediately: true }, async function round() {
  for (const url of SOURCES) await pages.send({ key: url, value: { url } });
});

/** By the calendar: every ten seconds. In earnest perhaps "0 8 * * mon-fri". */
cron(crawl, "*/10 * * * * *", { timezone: "Europe/Berlin", onMaster: true }, async function frontPage({ slot }) {
  await pages.send({ value: { url: `data:text/html,<h1>Front page of ${new Date(slot).toISOString()}</h1>` } });
});

/** What comes in by itself, heard by one worker for as long as it is master. */
task(crawl, { onMaster: true }, async function listen({ signal, epoch }) {
  for (let news = 1; !signal.aborted; news++) {
    await pages.send({ value: { url: `data:text/html,<h1>News ${news} of master ${epoch}</h1>` } });
    await sleep(2000, undefined, { signal }).catch(() => {});
  }
});

export default crawl;
await crawl.main(import.meta);

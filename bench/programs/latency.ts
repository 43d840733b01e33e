/** Times `send` so often, after as many again to warm up: median and 99th percentile in ms. */
export async function latency(times: number, send: () => Promise<unknown>): Promise<{ p50: number; p99: number }> {
  const took: number[] = [];
  for (let i = 0; i < 2 * times; i++) {
    const from = performance.now();
    await send();
    if (i >= times) took.push(performance.now() - from);
  }
  took.sort((a, b) => a - b);
  return { p50: took[Math.floor(times * 0.5)] ?? NaN, p99: took[Math.floor(times * 0.99)] ?? NaN };
}

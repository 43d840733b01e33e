/** Times `send` so often, after as many again to warm up, `rest` ms apart: median and 99th percentile in ms. */
export async function latency(
  times: number,
  send: () => Promise<unknown>,
  rest = 0,
): Promise<{ p50: number; p99: number }> {
  const took: number[] = [];
  for (let i = 0; i < 2 * times; i++) {
    if (rest > 0) await new Promise((resolve) => setTimeout(resolve, rest));
    const from = performance.now();
    await send();
    if (i >= times) took.push(performance.now() - from);
  }
  took.sort((a, b) => a - b);
  return { p50: took[Math.floor(times * 0.5)] ?? NaN, p99: took[Math.floor(times * 0.99)] ?? NaN };
}

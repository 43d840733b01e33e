// Loaded before the dev broker: SIGUSR2 makes it give back what it does not use, and say what it does use, in MB.
import process from "node:process";

const { Bun, gc } = globalThis as { Bun?: { gc(isSynchronous: boolean): void }; gc?: () => void };
process.on("SIGUSR2", () => {
  for (let i = 0; i < 3; i++) {
    if (Bun) Bun.gc(true);
    else gc?.();
  }
  const { heapUsed, external } = process.memoryUsage();
  // Bun counts among its heap what hangs on it.
  console.log(`USED ${Math.round((Bun ? heapUsed : heapUsed + external) / 1e6)}`);
});

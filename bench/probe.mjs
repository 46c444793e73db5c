// Preloaded into the servers: reports their use of CPU and memory to the parent process, and exits with it.
import { setImmediate as turn } from 'node:timers/promises';

/** The memory in use after garbage collection. Several rounds, because finalizers may free more memory. */
async function memory() {
  for (let round = 0; round < 3; round += 1) {
    globalThis.gc();
    await turn();
  }
  const { rss, heapUsed } = process.memoryUsage();
  return { rss, heapUsed };
}

const ANSWERS = {
  memory,
  cpu: () => {
    const { user, system } = process.cpuUsage();
    return { micros: user + system };
  },
};

process.on('message', ({ ask, question }) => {
  if (question in ANSWERS) void tell(ask, ANSWERS[question]());
});
process.on('disconnect', () => process.exit(0));

async function tell(ask, answer) {
  process.send({ ask, answer: await answer });
}

// Preloaded into the servers: tells the parent process what this one has used, and ends with it.
import { setImmediate as turn } from 'node:timers/promises';

/** What is in use once the garbage is gone; a second round takes what finalizers of the first have freed. */
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

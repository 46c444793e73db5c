// The viewers of one server, in a separate process. They use raw sockets to cost less than what they measure.
import { connect } from 'node:net';
import { FrameReader } from './frame-reader.ts';
import { Roll } from './roll.ts';

/** Connections opened concurrently. */
const OPENING = 100;
const OPEN_MS = 20_000;
const ROUND_MS = 30_000;

interface Target {
  host: string;
  port: number;
  request: string;
}

interface Question extends Partial<Target> {
  ask: number;
  question: string;
  count?: number;
}

const roll = new Roll();

/** The time in microseconds, on a clock that all processes of the machine share. */
function now(): number {
  return Number(process.hrtime.bigint() / 1_000n);
}

/** Opens a stream. Resolves when its first frame has arrived. */
function open({ host, port, request }: Target): Promise<void> {
  const reader = new FrameReader();
  const socket = connect({ host, port, noDelay: true });
  const viewer = roll.add();
  return new Promise((resolve, reject) => {
    socket.setEncoding('latin1');
    socket.setTimeout(OPEN_MS, () => socket.destroy(new Error('No first frame.')));
    socket.write(request);
    socket.on('data', (piece: string) => {
      const isOpen = reader.frames > 0;
      const sent = reader.read(piece);
      if (isOpen) return roll.mark(viewer, sent, now());
      if (reader.status !== null && reader.status !== 200) reject(new Error(`Refused: ${piece}`));
      if (reader.frames === 0) return;
      socket.setTimeout(0);
      resolve();
    });
    socket.on('error', reject);
    socket.on('close', () => {
      roll.lose();
      reject(new Error('Closed before the first frame.'));
    });
  });
}

async function openMany(target: Target, count: number): Promise<void> {
  let left = count;
  const opener = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await open(target);
    }
  };
  await Promise.all(Array.from({ length: OPENING }, opener));
  // A new viewer may receive the last report as its replay, which is not a delivery.
  roll.start(now());
}

async function answer({
  question,
  count = 0,
  host = '',
  port = 0,
  request = '',
}: Question): Promise<unknown> {
  switch (question) {
    case 'open':
      return openMany({ host, port, request }, count).then(
        () => null,
        (error: Error) => error.message,
      );
    case 'drained':
      return roll.call(ROUND_MS);
    case 'latencies':
      return roll.takeLatencies();
    default:
      throw new Error(`Unknown question: ${question}.`);
  }
}

process.on('message', (message: Question) => {
  void answer(message).then((given) => process.send?.({ ask: message.ask, answer: given }));
});
process.on('disconnect', () => process.exit(0));
process.send?.({ ready: '' });

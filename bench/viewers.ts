// The viewers of one server, as a process of their own: raw sockets, so that they cost less than what they measure.
import { connect, type Socket } from 'node:net';
import { FrameReader, statusOf } from './frame-reader.ts';

/** Connections that are being opened at once. */
const OPENING = 100;
const OPEN_MS = 20_000;

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

const sockets: Socket[] = [];
let latencies: number[] = [];
let arrived = 0;
let lost = 0;
let openedAt = 0;
let expected = Infinity;
let reached: (() => void) | null = null;

/** Microseconds of the clock that all processes of the machine share. */
function now(): number {
  return Number(process.hrtime.bigint() / 1_000n);
}

function onMarks(sentAt: number[]): void {
  if (sentAt.length === 0) return;
  const at = now();
  // A newcomer may be sent what was reported last: that is its replay, not a delivery.
  const fresh = sentAt.filter((sent) => sent > openedAt);
  for (const sent of fresh) latencies.push((at - sent) / 1_000);
  arrived += fresh.length;
  if (arrived >= expected) reached?.();
}

/** Resolves once the first frame is there. */
function open({ host, port, request }: Target): Promise<void> {
  const reader = new FrameReader();
  const socket = connect({ host, port, noDelay: true });
  sockets.push(socket);
  return new Promise((resolve, reject) => {
    socket.setEncoding('latin1');
    socket.setTimeout(OPEN_MS, () => socket.destroy(new Error('No first frame.')));
    socket.write(request);
    socket.on('data', (piece: string) => {
      if (reader.frames > 0) return onMarks(reader.read(piece));
      const status = statusOf(piece);
      if (status !== null && status !== 200) reject(new Error(`Refused: ${piece}`));
      reader.read(piece);
      if (reader.frames === 0) return;
      socket.setTimeout(0);
      resolve();
    });
    socket.on('error', reject);
    socket.on('close', () => {
      lost += 1;
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
  openedAt = now();
}

/** Resolves once every open stream has had one more frame, or the time is over, to whether it was exactly one. */
async function everybodyHadOneMore(timeoutMs: number): Promise<boolean> {
  expected = sockets.length;
  if (arrived < expected) {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      reached = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
  const complete = arrived === expected && lost === 0;
  arrived = 0;
  expected = Infinity;
  return complete;
}

function takeLatencies(): number[] {
  const taken = latencies;
  latencies = [];
  return taken;
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
      return everybodyHadOneMore(30_000);
    case 'latencies':
      return takeLatencies();
    default:
      throw new Error(`Nobody asks for ${question}.`);
  }
}

process.on('message', (message: Question) => {
  void answer(message).then((given) => process.send?.({ ask: message.ask, answer: given }));
});
process.on('disconnect', () => process.exit(0));
process.send?.({ ready: '' });

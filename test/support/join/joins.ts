import type { JoinScenario, LifeStep } from './life.ts';

const PLAIN: LifeStep[] = ['claim', 'progress', 'progress', 'complete'];
const SAVED: LifeStep[] = ['claim', 'progress', 'save', 'progress', 'complete'];
const RETRIED: LifeStep[] = ['claim', 'progress', 'requeue', 'claim', 'progress', 'complete'];
const BY_HAND: LifeStep[] = ['claim', 'progress', 'fail', 'retry', 'claim', 'complete'];
const LOGGED: LifeStep[] = ['claim', 'progress', 'log', 'progress', 'log', 'complete'];

/** The viewers that come while a job lives: where it is then, what they have, and whether it is watched already. */
export const JOINS: Omit<JoinScenario, 'faults'>[] = [
  { life: PLAIN, before: 0, cursor: '', live: false, logs: false },
  { life: PLAIN, before: 1, cursor: '1.0', live: false, logs: false },
  { life: PLAIN, before: 2, cursor: '1.0', live: true, logs: false },
  { life: SAVED, before: 3, cursor: '', live: false, logs: false },
  { life: SAVED, before: 3, cursor: '2.0', live: true, logs: false },
  { life: RETRIED, before: 2, cursor: '2.1', live: false, logs: false },
  { life: RETRIED, before: 2, cursor: '1.0', live: true, logs: false },
  { life: BY_HAND, before: 2, cursor: '1.0', live: false, logs: false },
  { life: BY_HAND, before: 3, cursor: '2.0', live: true, logs: false },
  { life: LOGGED, before: 2, cursor: '', live: false, logs: true },
  { life: LOGGED, before: 3, cursor: '2.0', live: true, logs: true },
];

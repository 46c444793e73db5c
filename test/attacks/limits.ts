/** How much the floods send: little in `npm test`, all of it in `npm run test:attacks`, which sets the variables. */
export const REQUESTS = numberFrom('ATTACK_REQUESTS', 1_000);
export const CONNECTIONS = numberFrom('ATTACK_CONNECTIONS', 1_000);
export const SLOW_SOCKETS = numberFrom('ATTACK_SLOW_SOCKETS', 40);

/** The seed of everything that is random; printed by the floods, so that a run can be repeated. */
export const SEED = numberFrom('ATTACK_SEED', 20_261_123);

function numberFrom(variable: string, otherwise: number): number {
  const given = process.env[variable];
  if (given === undefined) return otherwise;
  const number = Number(given);
  if (!Number.isSafeInteger(number) || number < 0) throw new Error(`${variable} is not a count: ${given}`);
  return number;
}

/** What a flood measured, in the full runs, which are there to be read. */
export function print(line: string): void {
  if (process.env['ATTACK_SEED'] !== undefined) process.stdout.write(`${line}\n`);
}

import type { RedisConnections } from '../redis/redis-connections.ts';
import type { JobQueue } from './job-queues.ts';

/** Where Bull keeps the entries that it will still come to. */
const LISTS = ['wait', 'paused', 'active'] as const;

/**
 * Deletes the hashes of entries that stand in none of the lists: KEYS are the three lists, `delayed` and the hashes,
 * ARGV the Bull ids of the hashes. One script, as Bull moves its entries by scripts: between them each hash is in a list.
 */
const DROP = `
local present = {}
for list = 1, 3 do
  for _, id in ipairs(redis.call('LRANGE', KEYS[list], 0, -1)) do present[id] = true end
end
local dropped = 0
for i, id in ipairs(ARGV) do
  if not present[id] and not redis.call('ZSCORE', KEYS[4], id) then
    dropped = dropped + redis.call('DEL', KEYS[4 + i])
  end
end
return dropped`;

/**
 * Takes away what Bull keeps of entries that it will never come to, because Redis lost its lists and not their hashes:
 * by an eviction, a deleted key, or a script that failed halfway. Bull takes the add of an id whose hash exists for
 * done, so that the job would wait for ever. Resolves to how many there were.
 */
export async function dropStranded(
  redis: RedisConnections,
  { bull }: Pick<JobQueue, 'bull'>,
  ids: readonly string[],
): Promise<number> {
  const keys = [...LISTS, 'delayed', ...ids].map((name) => bull.toKey(name));
  return (await redis.command.eval(DROP, keys.length, ...keys, ...ids)) as number;
}

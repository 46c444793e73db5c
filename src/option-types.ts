/** What single options of the module take, which a host seldom has to name: `JobsOptions.RedisTarget`. */
export type {
  AccessProvider,
  ClusterNode,
  JwtOptions,
  QueueOptions,
  RedisCluster,
  RedisTarget,
  Role,
} from './jobs.options.ts';

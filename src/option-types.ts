/** Types of single options of the module. Hosts seldom need their names, such as `JobsOptions.RedisTarget`. */
export type {
  AccessProvider,
  ClusterNode,
  JwtOptions,
  QueueOptions,
  RedisCluster,
  RedisTarget,
  Role,
} from './jobs.options.ts';

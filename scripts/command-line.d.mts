import type { ParseArgsOptionsConfig, parseArgs } from 'node:util';

type Values<Options extends ParseArgsOptionsConfig> = ReturnType<
  typeof parseArgs<{ args: string[]; options: Options }>
>['values'];

interface Grammar<Options extends ParseArgsOptionsConfig> {
  options?: Options;
  /** The names of what it takes beside its options; null: as many as are given. Default none. */
  operands?: string[] | null;
}

export interface CommandLine<
  Options extends ParseArgsOptionsConfig = ParseArgsOptionsConfig,
> extends Grammar<Options> {
  /** The first paragraph is the usage. */
  help: string;
}

export interface CommandLineOfActions<Action extends string, Options extends ParseArgsOptionsConfig> {
  help: string;
  actions: Record<Action, Grammar<Options>>;
}

export function readArguments<Action extends string, Options extends ParseArgsOptionsConfig>(
  command: CommandLineOfActions<Action, Options>,
  args?: string[],
): { action: Action; values: Values<Options>; operands: string[] };
export function readArguments<Options extends ParseArgsOptionsConfig>(
  command: CommandLine<Options>,
  args?: string[],
): { values: Values<Options>; operands: string[] };

export function refuse(problem: string, help: string): never;

import type { CommandLine, CommandLineOfActions } from './command-line.mjs';

type Text = { type: 'string' };

export const COMMANDS: {
  start: CommandLine;
  demo: CommandLine<{ keep: { type: 'boolean'; default: boolean } }>;
  migrate: CommandLine;
  'api-key': CommandLineOfActions<
    'create' | 'list' | 'revoke',
    Record<'tenant' | 'subject' | 'scopes' | 'name' | 'expires', Text>
  >;
};

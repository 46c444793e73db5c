// The commands of the service: what each says of itself, takes, runs out of `dist/src`, and whether it builds what is not
// built yet.
const text = { type: 'string' };

const ON_DATABASE = `Environment
  DATABASE_URL            the Postgres to work on; without it, outside production, that of the \`npm start\` in this folder
  JOBS_SCHEMA             the schema of the tables (jobs)
  NODE_ENV=production     DATABASE_URL must be given
  LOG_FORMAT, LOG_LEVEL   the lines on stderr: text or json; fatal, error, warn, log, debug or verbose`;

export const COMMANDS = {
  start: {
    program: 'main.js',
    builds: process.env.NODE_ENV !== 'production',
    help: `Usage: npm start
       npm run start:prod   (with NODE_ENV=production, after npm run build)

Runs the API, the worker and the dashboard in one process, or what JOBS_ROLES names. Outside production it brings its own
Postgres and Redis, with data in .jobstream/, prints a token, and builds what is not built yet.

Options
  --help   says this

Environment (.env.example lists every variable with its default)
  NODE_ENV=production      nothing is made up: every URL and secret must be given
  HOST, PORT               where HTTP listens (127.0.0.1, 3000)
  DATABASE_URL, REDIS_URL  your servers, in place of its own
  JWT_SECRET or JWKS_URL   what the tokens of callers are checked with
  JOBS_ROLES               api, worker or both (api,worker)
  LOG_FORMAT, LOG_LEVEL    text or json; fatal, error, warn, log, debug or verbose (text, log)

Example
  PORT=8080 npm start
`,
  },
  demo: {
    program: 'service/demo.js',
    builds: true,
    options: { keep: { type: 'boolean', default: false } },
    help: `Usage: npm run demo [-- --keep]

Starts the service with what it needs, runs two jobs over HTTP and follows their streams in the terminal: a million rows
into a table of Postgres, and forty steps. Then it stops what it started. Builds what is not built yet.

Options
  --keep   leaves the service running until Ctrl-C, with a link to its dashboard
  --help   says this

Environment (.env.example lists every variable with its default)
  DATABASE_URL, REDIS_URL  your servers, in place of its own
  PORT                     where HTTP listens (a free port)
  DEMO_TOKEN               a token with the scopes "jobs:read jobs:write", where JWKS_URL or NODE_ENV=production is set

Example
  npm run demo -- --keep
`,
  },
  migrate: {
    program: 'service/migrate.js',
    builds: false,
    help: `Usage: npm run migrate

Applies the migrations that the schema lacks, and says which. Any number of processes may run it at once.

Options
  --help   says this

${ON_DATABASE}

Example
  DATABASE_URL=postgres://jobs:password@127.0.0.1:5432/jobs npm run migrate
`,
  },
  'api-key': {
    program: 'service/api-key.js',
    builds: false,
    actions: {
      create: { options: { tenant: text, subject: text, scopes: text, name: text, expires: text } },
      list: {},
      revoke: { operands: ['id'] },
    },
    help: `Usage: npm run api-key -- create --tenant <tenant> --subject <subject> --scopes <scopes>
                                 [--name <name>] [--expires <date>]
       npm run api-key -- list
       npm run api-key -- revoke <id>

Makes, lists and revokes API keys. A new key is printed once, on stdout, and kept by its hash alone.

Options of create
  --tenant    the tenant whose jobs the key reaches
  --subject   who acts by it; owns the jobs that it submits
  --scopes    out of jobs:read, jobs:write, jobs:tenant and jobs:admin, with spaces or commas between
  --name      what it is for (the subject)
  --expires   a day, which begins at midnight UTC, or a time in UTC: 2027-01-01, 2027-01-01T12:00:00Z (never)
  --help      says this

${ON_DATABASE}

Example
  npm run -s api-key -- create --tenant acme --subject importer --scopes "jobs:read jobs:write"
`,
  },
};

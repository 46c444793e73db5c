import { existsSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { delimiter, join } from 'node:path';
import { launchOnFreePort, ServerProcess } from '../../packages/dev-servers/src/server-process.ts';
import { testFolder } from './services.ts';

const START_MS = 10_000;
/** Debian keeps it where only root's PATH looks. */
const FOLDERS = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];

/** The path of nginx; null where it is not installed. */
export function findNginx(): string | null {
  return FOLDERS.map((folder) => join(folder, 'nginx')).find((path) => existsSync(path)) ?? null;
}

export interface ProxyOptions {
  /** Where requests go; to several, in turn. */
  to: string | string[];
  /** Directives of the server block that differ from nginx's defaults. */
  settings?: string;
  /** Upstream and server in place of ours, which listen on port 80 and pass on to `10.0.0.x:3000`. */
  servers?: string;
}

/** An nginx of the test's own in front of a service, its buffering as it comes. */
export class Nginx {
  private constructor(
    readonly url: string,
    private readonly server: ServerProcess,
  ) {}

  static async start({ to, settings = '', servers }: ProxyOptions): Promise<Nginx> {
    const program = findNginx();
    if (program === null) throw new Error('nginx is not installed.');
    const folder = testFolder();
    const start = (port: number): ServerProcess => {
      const file = join(folder, 'nginx.conf');
      const blocks = servers ? placed(servers, port, [to].flat()) : blocksFor(port, [to].flat(), settings);
      writeFileSync(file, configuration(folder, blocks));
      return new ServerProcess({
        name: 'nginx',
        program,
        args: ['-e', 'stderr', '-p', folder, '-c', file],
        cwd: folder,
        logFile: join(folder, 'nginx.log'),
        user: null,
        stopSignal: 'TERM',
      });
    };
    const { server, port } = await launchOnFreePort({ start, ready: accepts, timeoutMs: START_MS });
    return new Nginx(`http://127.0.0.1:${port}`, server);
  }

  stop(): Promise<void> {
    return this.server.stop();
  }
}

/** One process in the foreground, with all its files in the test's folder. */
function configuration(folder: string, blocks: string): string {
  const kinds = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `
    daemon off;
    master_process off;
    pid ${folder}/nginx.pid;
    error_log stderr error;
    events { worker_connections 1024; }
    http {
      access_log off;
      ${kinds.map((kind) => `${kind}_temp_path ${folder}/${kind};`).join(' ')}
      gzip on;
      ${blocks}
    }`;
}

/** By default nginx leaves out a server for 10 s that has failed once, and answers 502 for as long where it leaves out all. */
function blocksFor(port: number, to: string[], settings: string): string {
  return `
      upstream service { ${to.map((url) => `server ${new URL(url).host} max_fails=0;`).join(' ')} }
      server {
        listen 127.0.0.1:${port};
        ${settings}
        location / { proxy_pass http://service; }
      }`;
}

/** The blocks of a document, at the addresses of the test. */
function placed(servers: string, port: number, to: string[]): string {
  const [host = ''] = to.map((url) => new URL(url).host);
  return servers.replace('listen 80;', `listen 127.0.0.1:${port};`).replaceAll(/10\.0\.0\.\d:3000/g, host);
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(port, '127.0.0.1');
    const answer = (accepted: boolean) => () => {
      socket.destroy();
      resolve(accepted);
    };
    socket.on('connect', answer(true));
    socket.on('error', answer(false));
  });
}

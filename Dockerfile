# The reference service: API, worker or both, by JOBS_ROLES. Migrations run from the same image (docker-compose.yml).

FROM node:22-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
COPY packages ./packages
RUN npm ci --no-audit --no-fund
COPY nest-cli.json tsconfig.json tsconfig.build.json ./
COPY scripts ./scripts
COPY migrations ./migrations
COPY src ./src
RUN npm run build
# The service's own packages are development dependencies of the library, so `--omit=dev` would drop them too.
# Instead the development list goes as a whole, what the service runs on is named, and npm prunes the rest
# (Postgres binaries, test and build tools) down to those, the library's dependencies and its peers. The workspaces
# are for development and go too.
RUN npm pkg delete devDependencies workspaces \
  && npm pkg set \
    'dependencies.@nestjs/platform-express=*' \
    'dependencies.@nestjs/platform-fastify=*' \
    'dependencies.csv-parse=*' \
    'dependencies.pg-copy-streams=*' \
    'dependencies.prom-client=*' \
  && npm prune --no-audit --no-fund
# A package that the pruning took away by mistake stops the build here, not a container in production.
RUN node --eval "import('/app/dist/src/service/start.js').catch((error) => { console.error(error); process.exit(1); })"

FROM node:22-bookworm-slim
ENV NODE_ENV=production HOST=0.0.0.0 PORT=3000 IMPORT_DIR=/data
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
# `npm run migrate` and `npm run api-key` work here too.
COPY --from=build /app/scripts ./scripts
# csv.import reads here: mount the files read-only.
RUN mkdir /data
USER node
EXPOSE 3000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "--eval", "fetch('http://127.0.0.1:' + process.env.PORT + '/health/ready').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "dist/src/main.js"]

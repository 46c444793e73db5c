/** The HTTP adapter that the bench was started with. */
export async function httpAdapter() {
  if (process.env.HTTP_ADAPTER === 'express') {
    const { ExpressAdapter } = await import('@nestjs/platform-express');
    return new ExpressAdapter();
  }
  const { FastifyAdapter } = await import('@nestjs/platform-fastify');
  return new FastifyAdapter({ forceCloseConnections: true });
}

// placeholder
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Registry } from '../resources.ts';

export class OpenApi {
  readonly registry: Registry;
  constructor(registry: Registry) {
    this.registry = registry;
  }
  serve(_req: IncomingMessage, _res: ServerResponse, _path: string, _query: URLSearchParams): boolean {
    return false;
  }
  paths(): string[] {
    return ['/api', '/apis', '/healthz', '/livez', '/openapi/v2', '/openapi/v3', '/readyz', '/version'];
  }
}

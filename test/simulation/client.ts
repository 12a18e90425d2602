// The way between one process and the API server: every call is a request that arrives some time and an answer
// that comes back some time, or gets lost, or is given up on while the request is still on its way.
import { holdsOf } from '../../src/api/holds.ts';
import type { Client } from '../../src/kube/client.ts';
import { ApiError, ConnectionError } from '../../src/kube/errors.ts';
import { type KubeObject, keyOf, type Resource } from '../../src/kube/objects.ts';
import type { ApiServer } from './api-server.ts';
import type { Random } from './random.ts';
import type { Life, Schedule } from './schedule.ts';

/** Probabilities per call. */
export interface Weather {
  /** The request gets lost; the caller sees a broken connection. */
  lostRequest: number;
  /** It is carried out, and the answer gets lost. */
  lostAnswer: number;
  /** The caller gives up first; the request may arrive a long time later. */
  late: number;
  /** The server is overloaded. */
  refused: number;
}

export interface Wire {
  random: Random;
  schedule: Schedule;
  server: ApiServer;
  weather: Weather;
  note(...what: unknown[]): void;
}

const broken = () => new ConnectionError('network', 'the connection broke', { ambiguous: true });

/** Carries `serve` out on the server for a process, with the mishaps of the weather. */
export function call<R>(wire: Wire, life: Life, what: string, serve: () => R): Promise<R> {
  const { random, schedule, weather } = wire;
  const { lostRequest, lostAnswer, late, refused } = weather;
  const fate = random.weighted({
    ...{ lostRequest, lostAnswer, late, refused },
    good: Math.max(0, 1 - lostRequest - lostAnswer - late - refused),
  });
  return new Promise((resolve, reject) => {
    if (!life.alive) return;
    const sentAt = life.clock.monotonic();
    const answer = (run: () => void) => schedule.add(run, { hearer: life });
    const dated = (run: () => void) => {
      const { date } = wire.server;
      answer(() => {
        life.onDate?.(date, sentAt, life.clock.monotonic());
        run();
      });
    };
    const request = (run: () => void) => schedule.add(run, { sender: life });
    const { starts } = wire.server;
    const carryOut = (): (() => void) => {
      if (wire.server.isDown || wire.server.starts !== starts) return () => reject(broken());
      try {
        const result = serve();
        return () => resolve(result);
      } catch (error) {
        return () => reject(error);
      }
    };
    if (fate !== 'good') wire.note(life.name, fate, what);
    if (fate === 'lostRequest') answer(() => reject(broken()));
    else if (fate === 'refused') {
      dated(() => reject(new ApiError(500, { reason: 'InternalError', message: 'etcd is away' })));
    } else if (fate === 'lostAnswer') {
      request(() => {
        carryOut();
        answer(() => reject(broken()));
      });
    } else if (fate === 'late') {
      answer(() => reject(broken()));
      schedule.add(() => void carryOut());
    } else request(() => dated(carryOut()));
  });
}

/** Only the verbs that the sale's reconcilers use; any other is a hole in the model and throws. */
export function modelClient(wire: Wire, life: Life): Client {
  const { server } = wire;
  const verbs: Pick<Client, 'get' | 'replace' | 'patch' | 'list'> = {
    // Only for a look at the newest revision, or at one object as it was at an earlier one.
    list: (resource, { namespace = '', fieldSelector = '', resourceVersion } = {}) =>
      call(wire, life, 'look', () => {
        const name = fieldSelector.replace('metadata.name=', '');
        const at =
          resourceVersion &&
          server.asItWas(resource, namespace ? `${namespace}/${name}` : name, resourceVersion);
        return { items: at ? [at] : [], metadata: { resourceVersion: resourceVersion ?? server.revision } };
      }),
    get: (resource, { namespace, name }) =>
      call(wire, life, `get ${resource.plural} ${name}`, () =>
        server.get(server.collection(resource), namespace ? `${namespace}/${name}` : name),
      ),
    replace: <T extends KubeObject>(resource: Resource<T>, object: T, opts?: { subresource?: string }) =>
      call(wire, life, `replace ${resource.plural} ${object.metadata.name}`, () => {
        const { collection } = { collection: server.collection(resource) };
        try {
          const stored = server.replace(collection, object, opts?.subresource);
          wire.note(life.name, 'wrote', summary(stored));
          return stored;
        } catch (error) {
          wire.note(life.name, 'failed to write', keyOf(object), (error as Error).message);
          throw error;
        }
      }),
    patch: (resource, { namespace, name }) =>
      call(wire, life, `patch ${resource.plural} ${name}`, () =>
        server.get(server.collection(resource), namespace ? `${namespace}/${name}` : name),
      ),
  };
  return new Proxy(verbs as Client, {
    get(target, verb) {
      const method = Reflect.get(target, verb);
      if (method === undefined) throw new Error(`the model client has no ${String(verb)}`);
      return method;
    },
  });
}

/** An object in a line of the trace. */
export function summary(object: KubeObject): () => string {
  return () => {
    const { metadata, status, spec } = object as KubeObject & {
      spec: { stockCount?: number; isPay?: boolean; goodsMap?: Record<string, number> };
      status?: { holds?: string[]; phase?: string } & Record<string, unknown>;
    };
    const head = `${metadata.name}/${metadata.uid.slice(-3)}@${metadata.resourceVersion}`;
    if (!spec.goodsMap) {
      const holds = holdsOf(status)
        .map((hold) => `${hold.uid.slice(-3)}:${hold.quantity}`)
        .join(' ');
      const { num, reserved, ledgerEpoch, lastStockCount } = status ?? {};
      const gone = metadata.deletionTimestamp ? ' deleting' : '';
      return `${head} stock ${spec.stockCount} num ${num} reserved ${reserved} holds [${holds}] left ${lastStockCount} epoch ${ledgerEpoch}${gone}`;
    }
    return `${head} ${JSON.stringify(spec.goodsMap)} isPay ${spec.isPay} ${status?.phase ?? '-'}`;
  };
}

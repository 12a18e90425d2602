// Sends one dry-run object of each kind, to see whether our webhooks answer. If possible the object is valid by the
// CRD's schema and breaks one of our rules: the webhook must refuse it. Otherwise the webhook must fill in a field.
// Nothing is stored.
import type { Kind } from '../api/define-kind.ts';
import type { Client } from '../kube/client.ts';
import { ApiError } from '../kube/errors.ts';
import type { KubeObject, Resource } from '../kube/objects.ts';
import type { ProbeAnswer } from './observation.ts';

interface Probe {
  spec: Record<string, unknown>;
  /** The field of spec that the webhook must fill in. Absent when it must refuse the object. */
  fills?: string;
  /** The webhook can neither refuse such an object nor fill in a field, so an accepted object is as expected. */
  quiet?: true;
}

const name = 'spikegate-doctor';
const requests = (cpu: string) => ({ resources: { limits: { cpu: '100m' }, requests: { cpu } } });

export const probes: Readonly<Record<string, Probe>> = {
  Buyer: { spec: {}, fills: 'buyerId' },
  Seller: { spec: {}, fills: 'sellerId' },
  // Its price in the sale is higher than its regular price.
  SpikeGoods: { spec: { price: 1, spikePrice: 2, stockCount: 0 } },
  // Its buyer does not exist.
  SpikeOrder: { spec: { buyerId: name, goodsMap: { [name]: 1 } } },
  // It requests more CPU than its limit.
  ElasticWeb: {
    spec: {
      image: 'a',
      port: 1,
      targetPort: 1,
      podPort: 1,
      singlePodQPS: 1,
      totalQPS: 1,
      protocol: 'TCP',
      ...requests('1'),
    },
  },
  Seckill: { spec: { services: { goService: { enabled: true, image: 'a', ...requests('1') } } } },
  // It has two replicas of mysql, which may have only one.
  DataService: { spec: { mysql: { name: 'a', kind: 1, replica: 2 } } },
  ImoocPod: { spec: { replicas: 0 }, quiet: true },
};

/** Sends the dry run of `kind` to `namespace`. Never throws: an unexpected error becomes `unclear`. */
export async function probe(client: Client, kind: Kind, namespace: string): Promise<ProbeAnswer> {
  const { spec, fills, quiet } = probes[kind.kind]!;
  const draft = { apiVersion: kind.apiVersion, kind: kind.kind, metadata: { name, namespace }, spec };
  try {
    const made = await client.create(
      kind as Resource<KubeObject & { spec: Record<string, unknown> }>,
      draft,
      {
        dryRun: true,
        retry: false,
      },
    );
    const isFilled = fills !== undefined && made.spec[fills] !== undefined;
    if (quiet || isFilled) return { kind: kind.kind, outcome: { is: 'answered' } };
    const missing = fills ? `spec.${fills} is not filled in` : 'what breaks a rule is let through';
    return { kind: kind.kind, outcome: { is: 'unseen', missing } };
  } catch (error) {
    return { kind: kind.kind, outcome: outcomeOf(error) };
  }
}

const isOurs = (webhook: string): boolean => webhook.endsWith('.spikegate.io');

/** Recognizes errors by their texts in Kubernetes (apiserver/pkg/admission/plugin/webhook/errors/statuserror.go). */
export function outcomeOf(error: unknown): ProbeAnswer['outcome'] {
  const { message } = error as Error;
  if (/ cannot create resource /.test(message)) return { is: 'unclear', why: 'these credentials may not' };
  if (!(error instanceof ApiError)) return { is: 'unclear', why: message };
  const [, denier = ''] = /admission webhook "([^"]+)" denied the request/.exec(message) ?? [];
  if (isOurs(denier)) return { is: 'answered' };
  const [, webhook = '', cause = ''] =
    /failed calling (?:admission )?webhook "([^"]+)": (.*)/s.exec(message) ?? [];
  if (!isOurs(webhook)) return { is: 'unclear', why: message };
  // Remove the URL: it differs between webhooks that fail for the same cause.
  const short = cause.replace(/^failed to call webhook: /, '').replace(/^Post "?[^" ]+"?: /, '');
  return { is: 'failed', webhook, cause: short };
}

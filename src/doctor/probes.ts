// One dry-run object of each kind: what a webhook of ours must say no to where a rule of it can be broken within
// the CRD's schema, else what it must fill in. Nothing is stored. Knows what to send and how to read the answer.
import type { Kind } from '../api/define-kind.ts';
import type { Client } from '../kube/client.ts';
import { ApiError } from '../kube/errors.ts';
import type { KubeObject, Resource } from '../kube/objects.ts';
import type { ProbeAnswer } from './observation.ts';

interface Probe {
  spec: Record<string, unknown>;
  /** A field of spec that comes back set; absent where the object is to be refused. */
  fills?: string;
  /** No rule of this kind can be broken, and nothing is filled in that the schema would not: success is all. */
  quiet?: true;
}

const name = 'spikegate-doctor';
const requests = (cpu: string) => ({ resources: { limits: { cpu: '100m' }, requests: { cpu } } });

export const probes: Readonly<Record<string, Probe>> = {
  Buyer: { spec: {}, fills: 'buyerId' },
  Seller: { spec: {}, fills: 'sellerId' },
  // Dearer in the sale than before it.
  SpikeGoods: { spec: { price: 1, spikePrice: 2, stockCount: 0 } },
  // Of a buyer that is not there.
  SpikeOrder: { spec: { buyerId: name, goodsMap: { [name]: 1 } } },
  // More cpu requested than allowed.
  ElasticWeb: {
    spec: {
      ...{ image: 'a', port: 1, targetPort: 1, podPort: 1, singlePodQPS: 1, totalQPS: 1, protocol: 'TCP' },
      ...requests('1'),
    },
  },
  Seckill: { spec: { services: { goService: { enabled: true, image: 'a', ...requests('1') } } } },
  // Two databases that know nothing of each other.
  DataService: { spec: { mysql: { name: 'a', kind: 1, replica: 2 } } },
  ImoocPod: { spec: { replicas: 0 }, quiet: true },
};

/** Sends the dry run of `kind` to `namespace`. Never throws: an answer that says nothing is `unclear`. */
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

/** Reads a refusal. Kubernetes' texts: apiserver/pkg/admission/plugin/webhook/errors/statuserror.go. */
export function outcomeOf(error: unknown): ProbeAnswer['outcome'] {
  const { message } = error as Error;
  if (/ cannot create resource /.test(message)) return { is: 'unclear', why: 'these credentials may not' };
  if (!(error instanceof ApiError)) return { is: 'unclear', why: message };
  const [, denier = ''] = /admission webhook "([^"]+)" denied the request/.exec(message) ?? [];
  if (isOurs(denier)) return { is: 'answered' };
  const [, webhook = '', cause = ''] =
    /failed calling (?:admission )?webhook "([^"]+)": (.*)/s.exec(message) ?? [];
  if (!isOurs(webhook)) return { is: 'unclear', why: message };
  // The path differs from webhook to webhook; what is wrong does not.
  const short = cause.replace(/^failed to call webhook: /, '').replace(/^Post "?[^" ]+"?: /, '');
  return { is: 'failed', webhook, cause: short };
}

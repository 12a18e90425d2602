// The generated password of mysql, in a Secret. Like mysql's volume, the Secret has no owner and outlives the
// DataService: without the password nobody can open the data.
import { randomBytes } from 'node:crypto';
import type { DataService } from '../../api/data-service.ts';
import type { Client } from '../../kube/client.ts';
import { ApiError } from '../../kube/errors.ts';
import type { Draft } from '../../kube/objects.ts';
import { asResource, secrets } from '../../workloads/child-kinds.ts';
import { labelsOf } from '../../workloads/identity.ts';
import type { Reference, Referenced, References } from '../../workloads/references.ts';
import { passwordKey } from './credentials.ts';

const resource = asResource<Referenced>({
  group: '',
  version: 'v1',
  kind: secrets.kind,
  plural: secrets.plural,
  namespaced: true,
});

/** Base64url has no character that is special in SQL strings or shells. */
const generate = (): string => randomBytes(24).toString('base64url');

/** Creates the Secret when it is absent. Uses an existing one unchanged. */
export async function ensurePassword(
  client: Client,
  object: DataService,
  reference: Reference,
  references: References,
  signal: AbortSignal,
): Promise<void> {
  if (references.get(reference)) return;
  const { namespace, name } = reference;
  const draft = {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'Opaque',
    metadata: { name, namespace, labels: labelsOf(object, 'mysql') },
    data: { [passwordKey]: Buffer.from(generate()).toString('base64') },
  } as Draft<Referenced>;
  try {
    references.observe(
      reference,
      await client.create(resource, draft, { fieldManager: 'spikegate', signal }),
    );
  } catch (error) {
    // 409: somebody else created it meanwhile. Its watch event enqueues the DataService again.
    if (!(error instanceof ApiError) || error.code !== 409) throw error;
  }
}

// Makes CustomResourceDefinitions (apiextensions.k8s.io/v1) from the definitions of the kinds.
import type { Kind } from '../api/define-kind.ts';
import { type Manifest, partOfSpikegate } from './manifest.ts';

export type { Manifest };

export function crdOf(kind: Kind): Manifest {
  const { group, version, plural, singular, shortNames, printerColumns, selectableFields } = kind;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}`, labels: partOfSpikegate },
    spec: {
      group,
      scope: 'Namespaced',
      names: {
        kind: kind.kind,
        listKind: `${kind.kind}List`,
        plural,
        singular,
        categories: ['spikegate'],
        ...(shortNames.length > 0 ? { shortNames } : {}),
      },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          subresources: { status: {}, ...(kind.scale ? { scale: kind.scale } : {}) },
          additionalPrinterColumns: printerColumns,
          ...(selectableFields
            ? { selectableFields: selectableFields.map((jsonPath) => ({ jsonPath })) }
            : {}),
          schema: { openAPIV3Schema: openApi(kind) },
        },
      ],
    },
  };
}

function openApi(kind: Kind): unknown {
  return {
    type: 'object',
    description: kind.description,
    required: ['spec'],
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { type: 'object' },
      // Plain JSON: the schema library adds hidden symbols.
      spec: JSON.parse(JSON.stringify(kind.specSchema)),
      status: JSON.parse(JSON.stringify(kind.statusSchema)),
    },
  };
}

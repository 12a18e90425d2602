// The certificates of an installation with cert-manager: a self-signed root, a CA signed by it, and the serving
// certificate, which the CA signs and cert-manager renews. Spikegate only reads the mounted files.
import { type Manifest, partOfSpikegate } from './manifest.ts';
import type { InstallationNames } from './names.ts';

const apiVersion = 'cert-manager.io/v1';
export interface CertificateOptions extends Pick<InstallationNames, 'name' | 'service' | 'certSecret'> {
  namespace: string;
}

/** Annotation of a webhook configuration: cert-manager writes this CA into its caBundle. */
export const injection = ({ namespace, name }: Pick<CertificateOptions, 'namespace' | 'name'>) => ({
  'cert-manager.io/inject-ca-from': `${namespace}/${name}-serving`,
});

export function certificates({ namespace, name, service, certSecret }: CertificateOptions): Manifest[] {
  const root = `${name}-root`;
  const authority = `${name}-ca`;
  const metadata = (name: string) => ({ name, namespace, labels: partOfSpikegate });
  return [
    { apiVersion, kind: 'Issuer', metadata: metadata(root), spec: { selfSigned: {} } },
    {
      apiVersion,
      kind: 'Certificate',
      metadata: metadata(authority),
      spec: {
        isCA: true,
        commonName: authority,
        secretName: authority,
        duration: '87600h',
        renewBefore: '2160h',
        // A renewed CA is in the caBundle at once, but in the pods only after the kubelet has read the Secret
        // again. With the same key and name, the new CA also verifies the old certificates.
        privateKey: { algorithm: 'ECDSA', size: 256, rotationPolicy: 'Never' },
        issuerRef: { name: root, kind: 'Issuer', group: 'cert-manager.io' },
      },
    },
    { apiVersion, kind: 'Issuer', metadata: metadata(authority), spec: { ca: { secretName: authority } } },
    {
      apiVersion,
      kind: 'Certificate',
      metadata: metadata(`${name}-serving`),
      spec: {
        secretName: certSecret,
        // The API server calls the first of these names.
        dnsNames: ['', '.cluster.local'].map((end) => `${service}.${namespace}.svc${end}`),
        duration: '720h',
        renewBefore: '240h',
        usages: ['digital signature', 'key encipherment', 'server auth'],
        privateKey: { algorithm: 'ECDSA', size: 256, rotationPolicy: 'Always' },
        issuerRef: { name: authority, kind: 'Issuer', group: 'cert-manager.io' },
      },
    },
  ];
}

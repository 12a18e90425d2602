// The certificates of an installation where cert-manager makes them: a self-signed root, a CA that it signs, and the
// serving certificate, which the CA signs and cert-manager renews. Spikegate only reads what is mounted.
import { type Manifest, partOfSpikegate } from './manifest.ts';
import { deployment } from './names.ts';

const apiVersion = 'cert-manager.io/v1';
const servingCertificate = 'spikegate-serving';
const authority = 'spikegate-ca';

/** On a webhook configuration: whose CA cert-manager writes into its caBundle. */
export const injection = {
  'cert-manager.io/inject-ca-from': `${deployment.namespace}/${servingCertificate}`,
};

const metadata = (name: string) => ({ name, namespace: deployment.namespace, labels: partOfSpikegate });

export const certificates: Manifest[] = [
  { apiVersion, kind: 'Issuer', metadata: metadata('spikegate-root'), spec: { selfSigned: {} } },
  {
    ...{ apiVersion, kind: 'Certificate', metadata: metadata(authority) },
    spec: {
      isCA: true,
      commonName: authority,
      secretName: authority,
      duration: '87600h',
      renewBefore: '2160h',
      // A renewed CA is in the caBundle at once, in the pods only when the kubelet has looked at the Secret again. With
      // the same key and name it vouches for the certificates of before, too.
      privateKey: { algorithm: 'ECDSA', size: 256, rotationPolicy: 'Never' },
      issuerRef: { name: 'spikegate-root', kind: 'Issuer', group: 'cert-manager.io' },
    },
  },
  { apiVersion, kind: 'Issuer', metadata: metadata(authority), spec: { ca: { secretName: authority } } },
  {
    ...{ apiVersion, kind: 'Certificate', metadata: metadata(servingCertificate) },
    spec: {
      secretName: deployment.certSecret,
      // The API server calls the first of these.
      dnsNames: ['', '.cluster.local'].map(
        (end) => `${deployment.service}.${deployment.namespace}.svc${end}`,
      ),
      duration: '720h',
      renewBefore: '240h',
      usages: ['digital signature', 'key encipherment', 'server auth'],
      privateKey: { algorithm: 'ECDSA', size: 256, rotationPolicy: 'Always' },
      issuerRef: { name: authority, kind: 'Issuer', group: 'cert-manager.io' },
    },
  },
];

// The names under which Spikegate is installed, and which version this is.

export const version = '0.1.0';

/** The names of an installation's objects. Names of cluster-wide objects must differ between two installations. */
export interface InstallationNames {
  /** Name of the Deployment and the PriorityClass, and prefix of the roles for people. */
  name: string;
  /** Name of both webhook configurations. */
  configuration: string;
  serviceAccount: string;
  service: string;
  metricsService: string;
  lease: string;
  certSecret: string;
  /** Name of the Secret that contains the secret part of the webhooks' path. */
  pathSecret: string;
}

export const namesOf = (name: string): InstallationNames => ({
  name,
  configuration: name,
  serviceAccount: name,
  service: `${name}-webhook`,
  metricsService: `${name}-metrics`,
  lease: name,
  certSecret: `${name}-serving-cert`,
  pathSecret: `${name}-webhook-path`,
});

/** The username by which the API server knows the processes of an installation. */
export const usernameOf = (namespace: string, serviceAccount: string): string =>
  `system:serviceaccount:${namespace}:${serviceAccount}`;

/** The default installation. */
export const deployment = { namespace: 'spikegate-system', ...namesOf('spikegate') };

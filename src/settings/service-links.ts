// The environment variables that a kubelet makes of Services ("service links"). Knows names only, no setting.
// https://kubernetes.io/docs/tutorials/services/connect-applications-service/#environment-variables

const shapes = [
  /_SERVICE_HOST$/,
  /_SERVICE_PORT(_[A-Z0-9_]+)?$/,
  /_PORT$/,
  /_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/,
];

/**
 * Whether some Service, whatever its name and its ports' names are, gives the pods beside it a variable of this name.
 * The Service `spikegate-metrics` gives `SPIKEGATE_METRICS_PORT=tcp://10.96.47.179:8080`.
 */
export const isServiceLink = (name: string): boolean => shapes.some((shape) => shape.test(name));

// Services: defaults, rules, and the allocation of cluster IPs and node ports. The allocator finds the values in use in
// the stored Services, so it stays correct after a restart.

import { isIP } from 'node:net';
import type { Strategy } from '../resources.ts';
import { type FieldError, field } from '../status.ts';
import { asList, asNumber, asObj, asString, asStrings, equal, type Item, type Obj } from '../types.ts';
import { checkFormat, checkLabels, formats } from './names.ts';
import { checkPort } from './pods.ts';

/** Addresses from 10.96.0.0/16, node ports from 30000 to 32767: kube-apiserver's defaults. */
const ipBase = '10.96';
const nodePorts = { first: 30_000, last: 32_767 };
const affinities = ['ClientIP', 'None'];
const notAnAddress = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)';
const types = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];

const allocatedPorts = (service: Item): number[] =>
  asList(asObj(service.spec).ports).flatMap((port) => (port.nodePort ? [asNumber(port.nodePort)] : []));

class Allocator {
  /** The last two bytes of the latest address. 10.96.0.x stays free for Services that ask for an address. */
  #ip = 256;

  /** Allocates the values that `service` lacks, and checks those that it has. `others`: all stored Services. */
  allocate(service: Item, others: Iterable<Item>): FieldError[] {
    const spec = asObj(service.spec);
    const ips = new Set<string>([]);
    const ports = new Set<number>();
    for (const other of others) {
      if (other.metadata.uid === service.metadata.uid) continue;
      ips.add(asString(asObj(other.spec).clusterIP));
      for (const port of allocatedPorts(other)) ports.add(port);
    }
    return [...this.#allocateIp(spec, ips), ...allocatePorts(spec, ports)];
  }

  #allocateIp(spec: Obj, taken: ReadonlySet<string>): FieldError[] {
    if (spec.type === 'ExternalName') return [];
    const asked = asString(spec.clusterIP);
    if (asked && asked !== 'None') {
      if (!asked.startsWith(`${ipBase}.`))
        return [
          field.invalid(
            'spec.clusterIPs',
            [asked],
            `failed to allocate IP ${asked}: provided IP is not in the valid range. The range of valid IPs is ${ipBase}.0.0/16`,
          ),
        ];
      if (taken.has(asked))
        return [
          field.invalid(
            'spec.clusterIPs',
            [asked],
            `failed to allocate IP ${asked}: provided IP is already allocated`,
          ),
        ];
    } else if (!asked) {
      let address = '';
      do {
        this.#ip = this.#ip >= 65_534 ? 256 : this.#ip + 1;
        address = `${ipBase}.${this.#ip >> 8}.${this.#ip & 255}`;
      } while (taken.has(address));
      spec.clusterIP = address;
    }
    spec.clusterIPs = [spec.clusterIP];
    spec.ipFamilies ??= ['IPv4'];
    spec.ipFamilyPolicy ??= 'SingleStack';
    return [];
  }
}

function allocatePorts(spec: Obj, taken: Set<number>): FieldError[] {
  if (spec.type !== 'NodePort' && spec.type !== 'LoadBalancer') return [];
  // By node port: a Service may use a number once for each protocol.
  const protocols = new Map<number, unknown>();
  return asList(spec.ports).flatMap((port, i) => {
    const path = `spec.ports[${i}].nodePort`;
    if (!port.nodePort) {
      let free = nodePorts.first + Math.floor(Math.random() * (nodePorts.last - nodePorts.first));
      while (taken.has(free)) free = free >= nodePorts.last ? nodePorts.first : free + 1;
      port.nodePort = free;
    }
    const wanted = asNumber(port.nodePort);
    if (wanted < nodePorts.first || wanted > nodePorts.last)
      return [
        field.invalid(
          path,
          wanted,
          `provided port is not in the valid range. The range of valid ports is ${nodePorts.first}-${nodePorts.last}`,
        ),
      ];
    const isShared = protocols.has(wanted) && protocols.get(wanted) !== port.protocol;
    if (taken.has(wanted) && !isShared) {
      return [field.invalid(path, wanted, 'provided port is already allocated')];
    }
    taken.add(wanted);
    protocols.set(wanted, port.protocol);
    return [];
  });
}

function fillIn(item: Item): void {
  const spec = asObj(item.spec);
  item.spec = spec;
  for (const port of asList(spec.ports)) {
    if (port.targetPort === undefined || port.targetPort === 0 || port.targetPort === '')
      port.targetPort = port.port;
  }
  if (spec.type !== 'ExternalName') spec.internalTrafficPolicy ??= 'Cluster';
  if (spec.type === 'NodePort' || spec.type === 'LoadBalancer') spec.externalTrafficPolicy ??= 'Cluster';
  if (spec.type === 'LoadBalancer') spec.allocateLoadBalancerNodePorts ??= true;
  if (spec.sessionAffinity === 'ClientIP')
    spec.sessionAffinityConfig ??= { clientIP: { timeoutSeconds: 10_800 } };
}

function validate(item: Item): FieldError[] {
  const spec = asObj(item.spec);
  const ports = asList(spec.ports);
  const errors: FieldError[] = [];
  if (!types.includes(asString(spec.type))) errors.push(field.unsupported('spec.type', spec.type, types));
  if (ports.length === 0 && spec.type !== 'ExternalName' && spec.clusterIP !== 'None')
    errors.push(field.required('spec.ports'));
  if (spec.type === 'ExternalName' && !spec.externalName) errors.push(field.required('spec.externalName'));
  if (!affinities.includes(asString(spec.sessionAffinity) || 'None'))
    errors.push(field.unsupported('spec.sessionAffinity', spec.sessionAffinity, affinities));
  if (spec.clusterIP === 'None' && (spec.type === 'NodePort' || spec.type === 'LoadBalancer'))
    errors.push(
      field.invalid('spec.clusterIPs[0]', 'None', `may not be set to 'None' for ${spec.type} services`),
    );
  asStrings(spec.externalIPs).forEach((ip, i) => {
    if (!isIP(ip)) errors.push(field.invalid(`spec.externalIPs[${i}]`, ip, notAnAddress));
  });
  const ip = asString(spec.clusterIP);
  if (ip && ip !== 'None' && !isIP(ip)) errors.push(field.invalid('spec.clusterIPs[0]', ip, notAnAddress));
  const names = new Set<string>();
  const numbers = new Set<string>();
  ports.forEach((port, i) => {
    const path = `spec.ports[${i}]`;
    const name = asString(port.name);
    if (!name && ports.length > 1) errors.push(field.required(`${path}.name`));
    if (name) errors.push(...checkFormat(formats.label, `${path}.name`, name));
    if (name && names.has(name)) errors.push(field.duplicate(`${path}.name`, name));
    names.add(name);
    const identity = `${port.port} ${port.protocol}`;
    if (numbers.has(identity))
      errors.push(field.duplicate(path, { protocol: port.protocol, port: port.port }));
    numbers.add(identity);
    if (port.nodePort && (spec.type === 'ClusterIP' || spec.type === 'ExternalName'))
      errors.push(field.forbidden(`${path}.nodePort`, `may not be used when \`type\` is '${spec.type}'`));
    if (typeof port.targetPort === 'string' && !/^[A-Za-z0-9-]+$/.test(port.targetPort))
      errors.push(
        field.invalid(
          `${path}.targetPort`,
          port.targetPort,
          'must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)',
        ),
      );
    errors.push(...checkPort(`${path}.port`, port.port), ...checkPort(`${path}.targetPort`, port.targetPort));
    if (!['SCTP', 'TCP', 'UDP'].includes(asString(port.protocol)))
      errors.push(field.unsupported(`${path}.protocol`, port.protocol, ['SCTP', 'TCP', 'UDP']));
  });
  return [...errors, ...checkLabels(spec.selector, 'spec.selector')];
}

const allocator = new Allocator();

export const serviceStrategy: Strategy = {
  fillIn,
  allocate: (item, others) => allocator.allocate(item, others),
  validate,
  prepareUpdate(item, old) {
    const [spec, before] = [asObj(item.spec), asObj(old.spec)];
    if (spec.type === 'ExternalName') return;
    // If the client omits an allocated value, the Service keeps it.
    if (!spec.clusterIP && before.clusterIP)
      for (const name of ['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy'])
        spec[name] = before[name];
    for (const port of asList(spec.ports)) {
      const same = asList(before.ports).find((p) => p.port === port.port && p.protocol === port.protocol);
      if (!port.nodePort && same?.nodePort && spec.type !== 'ClusterIP') port.nodePort = same.nodePort;
    }
    if (spec.type === 'ClusterIP') for (const port of asList(spec.ports)) delete port.nodePort;
  },
  validateUpdate(item, old) {
    const [now, before] = [asObj(item.spec), asObj(old.spec)];
    const isFixed = now.type !== 'ExternalName' && before.type !== 'ExternalName' && before.clusterIP;
    if (!isFixed || equal(now.clusterIP, before.clusterIP)) return [];
    const ips = asStrings(now.clusterIPs);
    return [
      field.invalid('spec.clusterIPs[0]', ips.length > 0 ? ips : [now.clusterIP], 'may not change once set'),
    ];
  },
};

// A stream of creates, updates and deletes of config maps, and what they leave behind.

import assert from 'node:assert/strict';
import { configmap, configmaps, type Json, type Rig, types } from './harness.ts';

/** Names in use at a time; each is created, changed and deleted many times. */
const names = 200;

/** Makes changes `from` to `to`, sixteen at a time, each on a name of its own. */
export async function change(rig: Rig, from: number, to: number): Promise<void> {
  let next = from;
  const client = async () => {
    while (next < to) {
      const n = next++;
      const name = `c${n % names}`;
      const turn = Math.floor(n / names) % 5;
      const path = `${configmaps}/${name}`;
      const data = { n: String(n) };
      const { code, text } =
        turn === 0
          ? await rig.call('POST', configmaps, configmap(name, data))
          : turn === 4
            ? await rig.call('DELETE', path)
            : await rig.call('PATCH', path, { data }, { 'content-type': types.merge });
      assert.ok(code < 300, `change ${n}: ${text}`);
    }
  };
  await Promise.all(Array.from({ length: 16 }, client));
}

/** name → n of what is stored now. */
export async function stored({ call }: Rig): Promise<Map<string, string>> {
  const { body } = await call('GET', configmaps);
  return new Map(body.items.map((item: Json) => [item.metadata.name, item.data?.n ?? '']));
}

export const sorted = (map: Map<string, string>) => [...map].sort();

// Access to maps whose keys users choose: labels, data, the goods of an order, properties of a schema. A plain
// object also has inherited keys (`constructor`, `toString`), and a plain assignment to `__proto__` changes what it
// inherits. The functions here read and write own keys only. test/unit/project/own-keys.test.ts finds places that index an
// object in another way.

/** The value of a key. Undefined when the map has no such key of its own. */
export function own<T>(map: Readonly<Record<string, T>> | undefined, key: string): T | undefined {
  return map !== undefined && Object.hasOwn(map, key) ? map[key] : undefined;
}

/** Sets an own key, whatever its name. */
export function setOwn<T>(map: Record<string, T>, key: string, value: NoInfer<T>): void {
  if (key !== '__proto__') map[key] = value;
  else Object.defineProperty(map, key, { value, writable: true, enumerable: true, configurable: true });
}

// Reads and writes the protobuf wire format: tags, varints and length-delimited bytes. Knows no message.

export interface WireField {
  number: number;
  /** A bigint for varints, bytes for everything else, including fixed-size numbers. */
  value: bigint | Uint8Array;
}

/** Reads a varint at `at`. Returns it and the index of the next byte. */
function varint(bytes: Uint8Array, at: number): [bigint, number] {
  let value = 0n;
  for (let shift = 0n; shift < 70n; shift += 7n) {
    const byte = bytes[at++];
    if (byte === undefined) break;
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return [value, at];
  }
  throw new Error('proto: unexpected EOF');
}

/**
 * Yields the fields of a message in the order of its bytes. Throws when the bytes are no message. Wire types: 0 varint,
 * 1 eight bytes, 2 length-delimited, 5 four bytes.
 */
export function* fieldsIn(bytes: Uint8Array): Generator<WireField> {
  let at = 0;
  while (at < bytes.length) {
    let tag: bigint;
    [tag, at] = varint(bytes, at);
    const number = Number(tag >> 3n);
    const wire = Number(tag & 7n);
    if (wire === 0) {
      let value: bigint;
      [value, at] = varint(bytes, at);
      yield { number, value };
    } else if (wire === 2) {
      let length: bigint;
      [length, at] = varint(bytes, at);
      const end = at + Number(length);
      if (end > bytes.length) throw new Error('proto: unexpected EOF');
      yield { number, value: bytes.subarray(at, end) };
      at = end;
    } else if (wire === 1 || wire === 5) {
      const size = wire === 1 ? 8 : 4;
      if (at + size > bytes.length) throw new Error('proto: unexpected EOF');
      yield { number, value: bytes.subarray(at, at + size) };
      at += size;
    } else throw new Error(`proto: illegal wireType ${wire}`);
  }
}

/** A signed 64-bit number from a varint. */
export const signed = (value: bigint): number => Number(BigInt.asIntN(64, value));

/** Writes messages. A nested message has its own writer. */
export class WireWriter {
  readonly #parts: Uint8Array[] = [];

  bytes(number: number, value: Uint8Array): this {
    this.#parts.push(asVarint(BigInt((number << 3) | 2)), asVarint(BigInt(value.length)), value);
    return this;
  }

  text(number: number, value: string): this {
    return this.bytes(number, Buffer.from(value));
  }

  number(number: number, value: number | boolean): this {
    this.#parts.push(asVarint(BigInt(number << 3)), asVarint(BigInt.asUintN(64, BigInt(Number(value)))));
    return this;
  }

  double(number: number, value: number): this {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleLE(value);
    this.#parts.push(asVarint(BigInt((number << 3) | 1)), bytes);
    return this;
  }

  message(number: number, write: (writer: WireWriter) => void): this {
    const inner = new WireWriter();
    write(inner);
    return this.bytes(number, inner.finish());
  }

  finish(): Buffer {
    return Buffer.concat(this.#parts);
  }
}

function asVarint(value: bigint): Uint8Array {
  const out: number[] = [];
  let rest = value;
  while (rest >= 0x80n) {
    out.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  out.push(Number(rest));
  return Uint8Array.from(out);
}

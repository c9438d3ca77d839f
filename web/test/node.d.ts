// As much of Node as the tests use.
declare module 'node:test' {
  export function test(name: string, run: () => void | Promise<void>): void;
}
declare module 'node:assert/strict' {
  const assert: {
    equal(actual: unknown, expected: unknown, why?: string): void;
    deepEqual(actual: unknown, expected: unknown, why?: string): void;
    ok(value: unknown, why?: string): void;
  };
  export default assert;
}
declare module 'node:fs' {
  export function readdirSync(path: URL): string[];
  export function readFileSync(path: URL, encoding: 'utf8'): string;
}
interface ImportMeta { url: string }

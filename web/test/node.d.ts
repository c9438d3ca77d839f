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

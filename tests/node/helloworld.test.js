// SPDX-License-Identifier: MIT

'use strict';

const assert = require('node:assert');
const test = require('node:test');
const { collectUntil, file, load, run } = require('./addon.js');

const { HelloWorld } = load('helloworld');

test('hello counts and greets', () => {
  const hello = new HelloWorld();
  assert.strictEqual(hello.count, 0);
  assert.strictEqual(hello.hello(), 'Hello World');
  assert.strictEqual(hello.hello(), 'Hello World');
  assert.strictEqual(hello.count, 2);
  assert.strictEqual(new HelloWorld().count, 0);
});

test('the count cannot be set', () => {
  const hello = new HelloWorld();
  assert.throws(() => { hello.count = 5; }, TypeError);
  assert.strictEqual(hello.count, 0);
});

test('a subclass is one', () => {
  class Loud extends HelloWorld {
    hello() {
      return super.hello().toUpperCase();
    }
  }
  const loud = new Loud();
  assert.strictEqual(loud.hello(), 'HELLO WORLD');
  assert.strictEqual(loud.count, 1);
  assert.ok(loud instanceof HelloWorld);
});

test('what is none of it is refused', () => {
  assert.throws(() => HelloWorld(), { name: 'TypeError' });
  assert.throws(() => HelloWorld.prototype.hello.call({}), TypeError);
  assert.throws(() => HelloWorld.prototype.hello.call(undefined), TypeError);
});

test('it is collected', async () => {
  let live = 0;
  const registry = new FinalizationRegistry(() => live--);
  (() => { // whose variables are gone when it is back
    for (let i = 0; i < 100; i++, live++) {
      const hello = new HelloWorld();
      hello.hello();
      registry.register(hello);
    }
  })();
  assert.ok(await collectUntil(() => live === 0));
});

test('it prints what it promises', async () => {
  const { status, stdout, stderr } = await run(`
    const { HelloWorld } = require(${JSON.stringify(file('helloworld'))});
    console.log(new HelloWorld().hello());`);
  assert.strictEqual(stderr, '');
  assert.strictEqual(stdout, 'Hello World\n');
  assert.strictEqual(status, 0);
});

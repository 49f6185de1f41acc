// SPDX-License-Identifier: MIT
// Emitter: what nobody can reach is collected, and workers have their own.

'use strict';

const assert = require('node:assert');
const test = require('node:test');
const { Worker } = require('node:worker_threads');
const { collectUntil, file, load } = require('./addon.js');

const { Emitter } = load('emitter');

// Make a hundred with the function: whether all of them are collected.
async function collected(make) {
  let live = 0;
  const registry = new FinalizationRegistry(() => live--);
  (() => { // whose variables are gone when it is back
    for (let i = 0; i < 100; i++, live++)
      registry.register(make());
  })();
  return collectUntil(() => live === 0);
}

test('emitters that are in a cycle with their listeners', async () => {
  assert.ok(await collected(() => {
    const emitter = new Emitter();
    emitter.on('x', () => emitter.emit('y'));
    emitter.once('x', () => emitter);
    emitter.once(Symbol('s'), () => emitter);
    emitter.prependOnceListener('error', () => emitter);
    emitter.emit('x');
    return emitter;
  }));
});

test('emitters that listen to one another', async () => {
  assert.ok(await collected(() => {
    const [one, other] = [new Emitter(), new Emitter()];
    one.on('x', () => other.emit('x'));
    other.on('x', () => one.emit('y'));
    one.friend = other;
    return one;
  }));
});

test('objects that are used as one', async () => {
  assert.ok(await collected(() => {
    const object = Object.assign({}, Emitter.prototype);
    return object.on('x', () => object);
  }));
});

test('listeners that were taken off', async () => {
  const emitter = new Emitter();
  assert.ok(await collected(() => {
    const listener = () => {};
    emitter.on('x', listener).off('x', listener);
    return listener;
  }));
  assert.ok(await collected(() => {
    const listener = () => {};
    emitter.once('y', listener).emit('y');
    return listener;
  }));
  assert.ok(await collected(() => {
    const listener = () => {};
    emitter.on('z', listener).removeAllListeners();
    return listener;
  }));
});

test('listeners that were taken off in an emit that was thrown out of',
  async () => {
    const emitter = new Emitter();
    assert.ok(await collected(() => {
      const listener = () => {};
      emitter.once('x', () => {
        emitter.off('x', listener);
        throw new Error('thrown');
      });
      emitter.on('x', listener);
      assert.throws(() => emitter.emit('x'), /thrown/);
      return listener;
    }));
  });

test('symbols that nobody listens for any more', async () => {
  const emitter = new Emitter();
  const [key] = Object.getOwnPropertySymbols(emitter);
  const kept = () => Reflect.ownKeys(emitter[key]).filter(
    (name) => typeof name === 'symbol' || name.includes('\x01')).length;
  const symbols = [Symbol('one'), Symbol('two'), Symbol('three')];
  symbols.forEach((symbol) => emitter.on(symbol, () => {}));
  assert.strictEqual(kept(), 6);
  emitter.off(symbols[0], emitter.listeners(symbols[0])[0]);
  emitter.removeAllListeners(symbols[1]);
  assert.strictEqual(kept(), 2);
  emitter.removeAllListeners();
  assert.strictEqual(kept(), 0);
  emitter.once(symbols[0], () => {});
  emitter.emit(symbols[0]);
  assert.strictEqual(kept(), 0);
});

test('an emitter lives as long as somebody refers to it', async () => {
  let calls = 0;
  const emitter = new Emitter().on('x', () => calls++);
  await collected(() => ({}));
  assert.strictEqual(emitter.emit('x'), true);
  assert.strictEqual(calls, 1);
});

const code = `
  const { Emitter } = require(${JSON.stringify(file('emitter'))});
  const { parentPort } = require('node:worker_threads');
  const emitter = new Emitter();
  globalThis.kept = Array.from({ length: 100 }, () =>
    new Emitter().on('x', () => emitter));
  emitter.on('x', (value) => parentPort.postMessage(value));
  emitter.emit('x', Emitter.defaultMaxListeners);`;

test('a worker has a class of its own, also with its default', async () => {
  const before = Emitter.defaultMaxListeners;
  Emitter.defaultMaxListeners = 3;
  const worker = new Worker(code, { eval: true });
  const value = new Promise((resolve) => worker.once('message', resolve));
  const exit = new Promise((resolve) => worker.once('exit', resolve));
  assert.strictEqual(await value, 10);
  assert.strictEqual(await exit, 0);
  Emitter.defaultMaxListeners = before;
});

test('a worker may be ended inside an emit', async () => {
  await Promise.all(Array.from({ length: 4 }, async () => {
    const worker = new Worker(`${code}
      emitter.on('endless', () => { for (;;) emitter.emit('none'); });
      emitter.on('endless', () => {});
      emitter.emit('endless');`, { eval: true });
    await new Promise((resolve) => worker.once('message', resolve));
    assert.strictEqual(await worker.terminate(), 1);
  }));
});

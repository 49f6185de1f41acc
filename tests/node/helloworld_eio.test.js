// SPDX-License-Identifier: MIT

'use strict';

const assert = require('node:assert');
const { AsyncLocalStorage } = require('node:async_hooks');
const { describe, test } = require('node:test');
const { Worker } = require('node:worker_threads');
const { collectUntil, file, load, run } = require('./addon.js');

const { HelloWorld } = load('helloworld_eio');
const name = JSON.stringify(file('helloworld_eio'));

const hello = (object) => new Promise((resolve) => object.hello(resolve));

// A worker that runs the code, with HelloWorld and post.
function work(code) {
  return new Worker(`
    const { HelloWorld } = require(${name});
    const { parentPort } = require('node:worker_threads');
    const post = (message) => parentPort.postMessage(message);
    ${code}`, { eval: true });
}

const exit = (worker) =>
  new Promise((resolve) => worker.on('exit', resolve));
const message = (worker) =>
  new Promise((resolve) => worker.once('message', resolve));

describe('helloworld_eio', { concurrency: true }, () => {
  test('the callback gets the greeting, and the object its two', async () => {
    const object = new HelloWorld();
    const order = [];
    const greeting = await new Promise((resolve) => {
      const returned = object.hello((value) => {
        order.push('called');
        resolve(value);
      });
      order.push('returned', returned, object.count);
    });
    assert.deepStrictEqual(order, ['returned', undefined, 0, 'called']);
    assert.strictEqual(greeting, 'Hello World');
    assert.strictEqual(object.count, 2);
  });

  test('this is the object, and there is one argument', async () => {
    const object = new HelloWorld();
    await new Promise((resolve, reject) => {
      object.hello(function(...args) {
        try {
          assert.strictEqual(this, object);
          assert.deepStrictEqual(args, ['Hello World']);
          resolve();
        } catch (error) {
          reject(error);
        }
      });
    });
  });

  test('a missing callback is a TypeError', () => {
    const object = new HelloWorld();
    for (const args of [[], [null], ['f'], [{}]]) {
      assert.throws(() => object.hello(...args), {
        name: 'TypeError',
        message: 'Argument 0 must be a function',
        code: 'ERR_INVALID_ARG_TYPE',
      });
    }
    assert.throws(() => HelloWorld.prototype.hello.call({}, () => {}), Error);
    assert.throws(() => HelloWorld(), TypeError);
  });

  test('many are on their way at once', async () => {
    const object = new HelloWorld();
    await Promise.all(Array.from({ length: 8 }, () => hello(object)));
    assert.strictEqual(object.count, 16);
  });

  test('an asynchronous context goes along', async () => {
    const storage = new AsyncLocalStorage();
    const seen = await storage.run('mine', () => new Promise((resolve) => {
      new HelloWorld().hello(() => resolve(storage.getStore()));
    }));
    assert.strictEqual(seen, 'mine');
  });

  test('what the callback deferred follows it at once', async () => {
    const order = [];
    await new Promise((resolve) => {
      new HelloWorld().hello(() => {
        setImmediate(() => { order.push('immediate'); resolve(); });
        Promise.resolve().then(() => order.push('promise'));
        process.nextTick(() => order.push('tick'));
        order.push('callback');
      });
    });
    assert.deepStrictEqual(order, ['callback', 'tick', 'promise', 'immediate']);
  });

  test('the object is held until then, and no longer', async () => {
    let live = 1;
    const registry = new FinalizationRegistry(() => live--);
    const called = (() => { // whose variables are gone when it is back
      const object = new HelloWorld();
      registry.register(object);
      return new Promise((resolve) => {
        object.hello(function() { resolve([live, this.count]); });
      });
    })();
    await collectUntil(() => live === 0);
    assert.deepStrictEqual(await called, [1, 2]);
    assert.ok(await collectUntil(() => live === 0));
  });

  test('the process lives exactly until then', async () => {
    const { status, stdout, stderr } = await run(`
      const { HelloWorld } = require(${name});
      const object = new HelloWorld();
      process.on('exit', () => console.log('exit', object.count));
      object.hello((greeting) => console.log(greeting, object.count));`);
    assert.strictEqual(stderr, '');
    assert.strictEqual(stdout, 'Hello World 2\nexit 2\n');
    assert.strictEqual(status, 0);
  });

  test('a process that asks for nothing does not live on', async () => {
    const { status, stdout } = await run(`
      new (require(${name}).HelloWorld)();
      process.on('exit', () => console.log('exit'));`);
    assert.strictEqual(stdout, 'exit\n');
    assert.strictEqual(status, 0);
  });

  test('process.exit does not wait for the callback', async () => {
    const { status, stdout } = await run(`
      const object = new (require(${name}).HelloWorld)();
      object.hello(() => console.log('too late'));
      process.nextTick(() => process.exit(3));`);
    assert.strictEqual(stdout, '');
    assert.strictEqual(status, 3);
  });

  test('an exception in the callback is uncaught', async () => {
    const { status, stdout, stderr } = await run(`
      const object = new (require(${name}).HelloWorld)();
      object.hello(() => { throw new RangeError('mine'); });`);
    assert.strictEqual(stdout, '');
    assert.match(stderr, /RangeError: mine/);
    assert.strictEqual(status, 1);
  });

  test('who listens for uncaught exceptions goes on', async () => {
    const { status, stdout, stderr } = await run(`
      const object = new (require(${name}).HelloWorld)();
      process.on('uncaughtException', (error, origin) => {
        console.log(origin, error.message, object.count);
      });
      object.hello(() => { throw new Error('first'); });
      object.hello(() => { throw 'second'; });
      object.hello(() => console.log('third', object.count));
      process.on('exit', () => console.log('exit', object.count));`);
    assert.strictEqual(stderr, '');
    const lines = stdout.replace(/ \d+$/gm, '').trim().split('\n');
    assert.deepStrictEqual(lines.sort(), ['exit', 'third',
      'uncaughtException first', 'uncaughtException undefined']);
    assert.match(stdout, /exit 6\n$/);
    assert.strictEqual(status, 0);
  });

  test('a worker has its own', async () => {
    const worker = work(`
      const object = new HelloWorld();
      object.hello((greeting) => post([greeting, object.count]));`);
    const ended = exit(worker);
    assert.deepStrictEqual(await message(worker), ['Hello World', 2]);
    assert.strictEqual(await ended, 0);
  });

  test('workers end while theirs are pending', async () => {
    const object = new HelloWorld();
    const ours = hello(object);
    await Promise.all(Array.from({ length: 6 }, async () => {
      const worker = work(`
        for (let i = 0; i < 20; i++)
          new HelloWorld().hello(() => {});
        post('pending');
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);`);
      assert.strictEqual(await message(worker), 'pending');
      assert.strictEqual(await worker.terminate(), 1);
    }));
    assert.strictEqual(await ours, 'Hello World');
  });

  test('a worker that throws in the callback ends with the error', async () => {
    const worker = work(`
      new HelloWorld().hello(() => { throw new Error('in the worker'); });`);
    const ended = exit(worker);
    const error = await new Promise((resolve) => worker.on('error', resolve));
    assert.strictEqual(error.message, 'in the worker');
    assert.strictEqual(await ended, 1);
  });

  test('what only a worker has loaded is unloaded with it', async () => {
    const { status, stdout, stderr } = await run(`
      const { Worker } = require('node:worker_threads');
      const code = \`
        const { HelloWorld } = require(${name});
        for (let i = 0; i < 10; i++) new HelloWorld().hello(() => {});
        require('node:worker_threads').parentPort.postMessage(0);\`;
      function next(left) {
        if (left === 0)
          return console.log('done');
        const worker = new Worker(code, { eval: true });
        worker.on('message', () => worker.terminate());
        worker.on('exit', () => next(left - 1));
      }
      next(5);`);
    assert.strictEqual(stderr, '');
    assert.strictEqual(stdout, 'done\n');
    assert.strictEqual(status, 0);
  });
});

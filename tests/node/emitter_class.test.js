// SPDX-License-Identifier: MIT
// Emitter: the class, those that inherit from it, and what stands for it.

'use strict';

const assert = require('node:assert');
const EventEmitter = require('node:events');
const test = require('node:test');
const util = require('node:util');
const { load } = require('./addon.js');
const { Emitter, outcome, same } = require('./compare.js');

test('the class has the methods of Node\'s, on its prototype', () => {
  const names = ['on', 'addListener', 'prependListener', 'once',
    'prependOnceListener', 'off', 'removeListener', 'removeAllListeners',
    'emit', 'listeners', 'rawListeners', 'listenerCount', 'eventNames',
    'setMaxListeners', 'getMaxListeners'];
  for (const name of names) {
    const theirs = EventEmitter.prototype[name];
    const ours = Emitter.prototype[name];
    assert.strictEqual(ours.name, theirs.name);
    assert.ok(Object.keys(Emitter.prototype).includes(name));
  }
  assert.strictEqual(Emitter.prototype.on, Emitter.prototype.addListener);
  assert.strictEqual(Emitter.prototype.off, Emitter.prototype.removeListener);
  assert.strictEqual(typeof Emitter.errorMonitor, 'symbol');
  assert.strictEqual(Emitter.name, 'Emitter');
  assert.deepStrictEqual(Object.keys(new Emitter()), []);
  assert.strictEqual(util.inspect(new Emitter()), 'Emitter {}');
});

same('classes inherit, also those of old', (Class, log) => {
  class Modern extends Class {
    constructor() { super(); this.field = 1; }
    hello() { return this.emit('hello', this.field); }
  }
  const modern = new Modern();
  modern.on('hello', function(value) { log(value, this === modern); });
  log(modern.hello(), modern instanceof Class, Object.keys(modern).filter(
    (key) => !key.startsWith('_')));

  function Old() { Class.call(this); }
  util.inherits(Old, Class);
  const [one, two] = [new Old(), new Old()];
  one.on('x', () => log('one'));
  log(one.emit('x'), two.emit('x'), two.eventNames());

  function Older() { Class.call(this); }
  Older.prototype = new Class();
  const [three, four] = [new Older(), new Older()];
  three.on('x', () => log('three'));
  log(three.emit('x'), four.emit('x'));

  const mixed = Object.assign({}, Class.prototype);
  mixed.on('x', () => log('mixed'));
  log(mixed.emit('x'), mixed.listenerCount('x'));

  const lazy = Object.create(Class.prototype);
  log(lazy.emit('x'), lazy.eventNames(), lazy.getMaxListeners());
  log(lazy.off('x', () => {}) === lazy, outcome(() => lazy.emit('error', 1)));
  lazy.once('x', () => log('lazy'));
  log(lazy.emit('x'));
});

same('constructed twice it keeps its listeners', (Class, log) => {
  const e = new Class();
  e.on('x', () => log('x'));
  Class.call(e);
  log(e.emit('x'));
});

same('a proxy and an heir share what they stand for', (Class, log) => {
  const e = new Class();
  const proxy = new Proxy(e, {});
  const heir = Object.create(e);
  proxy.on('x', function() { log(this === proxy, this === heir); });
  heir.on('x', () => log('heir'));
  log(e.emit('x'), proxy.emit('x'), heir.emit('x'), e.listenerCount('x'));
});

test('a frozen one works, other than Node\'s', () => {
  const e = Object.freeze(new Emitter());
  assert.strictEqual(e.on('x', () => {}).emit('x'), true);
});

same('overridden methods are called', (Class, log) => {
  class Watched extends Class {
    emit(...args) { log('emit', String(args[0])); return super.emit(...args); }
    on(...args) { log('on', String(args[0])); return super.on(...args); }
    prependListener(...args) {
      log('prepend', String(args[0]));
      return super.prependListener(...args);
    }
    removeListener(...args) {
      log('remove', String(args[0]));
      return super.removeListener(...args);
    }
    removeAllListeners(...args) {
      log('all', args.map(String));
      return super.removeAllListeners(...args);
    }
  }
  const e = new Watched();
  e.on('newListener', () => {});
  e.on('removeListener', () => {});
  e.on(Class.errorMonitor, () => {});
  e.once('x', () => {}).prependOnceListener('x', () => {}).on('x', () => {});
  e.emit('x');
  log(outcome(() => e.emit('error', 1)));
  e.on('x', () => {}).on('y', () => {});
  e.removeAllListeners();
});

test('there is no emitter without an object', () => {
  const { on, emit } = Emitter.prototype;
  assert.throws(() => Emitter(), TypeError);
  assert.throws(() => on('x', () => {}), TypeError);
  assert.throws(() => on.call(null, 'x', () => {}), TypeError);
  assert.strictEqual(emit('x'), false);
  assert.deepStrictEqual(Object.getOwnPropertySymbols(globalThis).filter(
    (symbol) => symbol.description === 'emitter'), []);
});

test('what is hidden in it is no way to break it', () => {
  const e = new Emitter();
  const [key] = Object.getOwnPropertySymbols(e);
  assert.throws(() => { e[key] = {}; }, TypeError);
  assert.throws(() => { delete e[key]; }, TypeError);
  const store = e[key];
  e.on('x', () => {});
  store[0] = 'no function';
  assert.throws(() => e.emit('x'), Error);
  store.length = 0;
  assert.throws(() => e.emit('x'), Error);
  assert.strictEqual(e.listenerCount('x'), 1);
  const f = () => {};
  e.on('y', f).on('y', () => {});
  Object.defineProperty(store, 2, {
    get() { e.removeAllListeners('y'); return () => {}; },
  });
  e.off('y', f);
  assert.strictEqual(e.listenerCount('y'), 0);
  for (const thing of [{}, [], new Date(), load('helloworld')]) {
    const other = Object.create(Emitter.prototype, {
      [key]: { value: thing },
    });
    assert.strictEqual(other.emit('x'), false);
    assert.throws(() => other.on('x', () => {}), Error);
  }
});

test('ten thousand listeners, and emits a hundred deep', () => {
  const e = new Emitter().setMaxListeners(0);
  let calls = 0;
  const fns = Array.from({ length: 10000 }, () => () => { calls++; });
  fns.forEach((fn) => e.on('x', fn));
  e.emit('x');
  assert.strictEqual(calls, 10000);
  e.removeAllListeners('x');
  assert.strictEqual(e.listenerCount('x'), 0);
  let depth = 0;
  e.on('deep', () => { if (++depth < 100) e.emit('deep'); });
  e.emit('deep');
  assert.strictEqual(depth, 100);
  e.on('endless', () => e.emit('endless'));
  assert.throws(() => e.emit('endless'), RangeError);
  assert.strictEqual(e.emit('x'), false);
});

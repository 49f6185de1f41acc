// SPDX-License-Identifier: MIT
// Emitter: errors, limits, and bad arguments.

'use strict';

const { major, outcome, same, warnings } = require('./compare.js');

same('an error that nobody listens to is thrown', (Class, log) => {
  const e = new Class();
  const mine = new TypeError('mine');
  log(outcome(() => { try { e.emit('error', mine); } catch (error) {
    return error === mine;
  } }));
  class Derived extends Error {}
  for (const value of [undefined, null, 0, -0, 'text', "it's", true, 5n,
    { a: 1 }, [1], Symbol('s'), () => {}, 'x'.repeat(1000), Object.create(null),
    new Derived('d'), Object.create(Error.prototype)]) {
    log(outcome(() => e.emit('error', value)));
    try {
      e.emit('error', value);
    } catch (error) {
      log(error === value, Object.is(error.context, value), Object.keys(error));
    }
  }
  log(outcome(() => e.emit('error')));
  log(outcome(() => new Class().emit('error', 1, 2)));
  e.on('error', (value) => log('handled', value));
  log(e.emit('error', 5));
  e.removeAllListeners('error');
  log(outcome(() => e.emit('error', 6)));
});

same('monitors see an error first, and do not handle it', (Class, log) => {
  const e = new Class();
  e.on(Class.errorMonitor, function(...args) { log(this === e, args); });
  log(outcome(() => e.emit('error', 1, 2)));
  e.on('error', (value) => log('handled', value));
  log(e.emit('error', 3), e.listenerCount('error'));
  log(e.eventNames()[0], e.eventNames()[1] === Class.errorMonitor);
  log(e.emit(Class.errorMonitor, 'as any event'));
  e.once(Class.errorMonitor, () => { throw new Error('monitor'); });
  log(outcome(() => e.emit('error', 4)), outcome(() => e.emit('error', 5)));
});

same('too many listeners are warned of once', (Class, log) => {
  class Leaky extends Class {}
  const e = new Leaky();
  const f = () => {};
  const add = (name, count) => warnings(() => {
    for (let i = 0; i < count; i++)
      e.on(name, f);
  }).forEach((w) => log(w.name, String(w.type), w.count, w.emitter === e,
    w instanceof Error, major < 20 || w.message, Object.keys(w)));
  add('x', 10);
  log('ten');
  add('x', 5);
  add(Symbol('many'), 11);
  add('x', 5);
  for (let i = 0; i < 19; i++)
    e.off('x', f);
  add('x', 20);
  e.removeAllListeners();
  add('x', 11);
  log(e.setMaxListeners(0).getMaxListeners());
  add('y', 30);
  e.setMaxListeners(Infinity);
  add('y', 5);
  e.setMaxListeners(0.5);
  add('z', 1);
  log('one');
  add('z', 1);
});

same('limits are checked', (Class, log) => {
  const e = new Class();
  for (const value of [-1, NaN, -0.5, -Infinity]) {
    log(outcome(() => e.setMaxListeners(value)));
    log(outcome(() => { Class.defaultMaxListeners = value; }));
  }
  for (const value of [undefined, null, '5', {}, true, 5n]) {
    const [how, name] = outcome(() => e.setMaxListeners(value));
    log(how, major < 20 || name);
  }
  log(e.getMaxListeners(), Class.defaultMaxListeners);
});

same('the default limit is everybody\'s who has none', (Class, log) => {
  const e = new Class();
  const own = new Class().setMaxListeners(3);
  const before = Class.defaultMaxListeners;
  Class.defaultMaxListeners = 1;
  log(e.getMaxListeners(), own.getMaxListeners());
  log(warnings(() => e.on('x', () => {}).on('x', () => {})).length);
  Class.defaultMaxListeners = before;
  log(e.getMaxListeners());
});

same('what is no function is refused', (Class, log) => {
  const e = new Class();
  class Mine {}
  for (const value of [undefined, null, 1, -0, NaN, 'f', 'x'.repeat(50), {},
    [], true, 1n, Symbol('s'), new Mine(), Object.create(null), /x/]) {
    for (const method of ['on', 'once', 'prependListener', 'off',
      'prependOnceListener'])
      log(outcome(() => e[method]('x', value)));
  }
  log(e.eventNames());
});

// SPDX-License-Identifier: MIT
// Emitter: listeners, and how they are called.

'use strict';

const { outcome, same } = require('./compare.js');

same('arguments, this, order and results', (Class, log) => {
  const e = new Class();
  log(e.emit('x'));
  log(e.on('x', function(...args) { log(1, this === e, args); }) === e);
  e.addListener('x', (...args) => log(2, args));
  e.prependListener('x', (...args) => log(0, args));
  log(e.emit('x'), e.emit('x', 1), e.emit('x', 1, 2, 3, 4, 5, 6, 7, 8, 9));
  log(e.emit('x', undefined), e.emit(), e.emit('y'));
});

same('every method for chaining returns this', (Class, log) => {
  const e = new Class();
  const f = () => {};
  log(e === e.on('a', f).addListener('a', f).prependListener('a', f)
    .once('a', f).prependOnceListener('a', f).off('a', f)
    .removeListener('a', f).setMaxListeners(3).removeAllListeners('a')
    .removeAllListeners());
});

same('names of every kind', (Class, log) => {
  const e = new Class();
  const first = Symbol('s');
  const second = Symbol('s');
  const names = ['', 'a\0b', 'a', 'a\0', '\x01', 's\x011', '__proto__',
    'constructor', 'toString', 'hasOwnProperty', '\ud800', '\ud801', 'é',
    '\u{1f600}', '日本', 'maxListeners', 'error', 'x'.repeat(79),
    'x'.repeat(80), 'x'.repeat(81), 'é'.repeat(5000), '10', '9', '-1', '01',
    '4294967295', first, second, Symbol.iterator, Symbol.for('x'), Symbol()];
  for (const name of names)
    e.on(name, (of) => log(of === name));
  for (const name of names)
    log(e.emit(name, name), e.listenerCount(name));
  const indexes = () => e.eventNames().map((name) => names.indexOf(name));
  log(indexes());
  for (const name of names)
    e.removeAllListeners(name);
  log(indexes(), e.emit(first), e.listenerCount(second));
  e.on(first, () => log('again'));
  log(e.emit(first), e.emit(second), indexes());
});

same('names that are not strings', (Class, log) => {
  const e = new Class();
  const named = { toString: () => 'named' };
  const names = [1, -0, 1.5, null, undefined, true, 10n, named, ['l']];
  e.on('newListener', (name) => log(names.indexOf(name)));
  for (const name of names)
    e.once(name, () => log('called'));
  log(e.eventNames());
  for (const name of names)
    log(e.emit(String(name)));
});

same('the same listener twice, and off takes the newest', (Class, log) => {
  const e = new Class();
  const f = () => log('f');
  const g = () => log('g');
  e.on('x', f).on('x', g).on('x', f);
  e.emit('x');
  e.off('x', f);
  log(e.listeners('x').map((fn) => fn === f));
  e.off('x', f).off('x', f).off('y', f);
  log(e.listeners('x').length, e.listenerCount('x', g), e.eventNames());
});

same('once is off before it is called', (Class, log) => {
  const e = new Class();
  e.once('x', function(value) {
    log(value, this === e, e.listenerCount('x'), e.emit('x', 'inner'));
  });
  e.on('y', () => { e.emit('y2'); });
  log(e.emit('x', 1), e.emit('x', 2));
  const f = () => log('never');
  e.once('x', f).off('x', f);
  log(e.emit('x'));
  e.prependOnceListener('x', () => log('first')).on('x', () => log('second'));
  e.emit('x');
  e.emit('x');
});

same('an inner emit uses up a once for the outer one', (Class, log) => {
  const e = new Class();
  let depth = 0;
  e.on('x', () => { if (depth++ === 0) e.emit('x'); });
  e.once('x', () => log('once'));
  e.on('x', () => log('on'));
  e.emit('x');
});

same('what is added during an emit waits', (Class, log) => {
  const e = new Class();
  e.on('x', () => {
    log('a');
    e.on('x', () => log('late'));
    e.prependListener('x', () => log('early'));
  });
  e.on('x', () => log('b'));
  e.emit('x');
  log('--');
  e.emit('x');
});

same('what is removed during an emit is still called in it', (Class, log) => {
  const e = new Class();
  const c = () => log('c');
  e.on('x', () => { log('a'); e.off('x', c); });
  e.on('x', () => { log('b'); e.removeAllListeners('x'); });
  e.on('x', c);
  e.on('x', () => log('d'));
  log(e.emit('x'), e.emit('x'));
});

same('listeners, rawListeners and their wrappers', (Class, log) => {
  const e = new Class();
  const f = (value) => { log('f', value); return 'result'; };
  const g = () => log('g');
  e.once('x', f).on('x', g).once('x', f);
  log(e.listeners('x').map((fn) => fn === f));
  const raw = e.rawListeners('x');
  log(raw.map((fn) => [fn === g, fn.listener === f, fn.name, fn.length]));
  log(e.rawListeners('x')[0] === raw[0], raw[0] === raw[2]);
  log(raw[0](1), e.listenerCount('x'), raw[0](2), e.listenerCount('x'));
  e.off('x', raw[2]);
  log(e.listenerCount('x'));
  e.emit('x');
  log(e.listeners('none'), e.rawListeners('none'));
  raw.push(1);
  log(e.rawListeners('x').length);
});

same('a function with a property listener stands for that', (Class, log) => {
  const e = new Class();
  const f = () => log('f');
  const g = Object.assign(() => log('g'), { listener: f });
  e.on('newListener', (name, fn) => log(name, fn === f));
  e.on('x', g).on('x', () => {});
  log(e.listenerCount('x', f), e.listenerCount('x', g));
  log(e.listeners('x')[0] === f, e.rawListeners('x')[0] === g);
  e.off('x', f);
  log(e.listenerCount('x'));
});

same('newListener comes before, removeListener after', (Class, log) => {
  const e = new Class();
  const f = () => log('f');
  const g = () => log('g');
  const tell = (what) => (name, fn) =>
    log(what, name, fn === f, fn === g, e.listenerCount(name));
  e.on('newListener', tell('new'));
  e.on('newListener', tell('new 2'));
  e.on('removeListener', tell('removed'));
  e.on('x', f).once('x', g).prependListener('x', f);
  e.emit('x');
  e.off('x', f).off('x', f).off('x', f);
  e.once('x', g);
  e.emit('x');
  e.on('x', f).on('x', g).on('y', f);
  e.removeAllListeners('x');
  e.on('x', f);
  e.removeAllListeners();
  log(e.eventNames());
});

same('listeners added by newListener stand before', (Class, log) => {
  const e = new Class();
  e.once('newListener', () => e.on('x', () => log('inner')));
  e.on('x', () => log('outer'));
  e.emit('x');
});

same('removeAllListeners goes backwards, its own event last', (Class, log) => {
  const e = new Class();
  const fns = [1, 2, 3].map((n) => Object.assign(() => {}, { n }));
  e.on('removeListener', (name, fn) => log(name, fn.n));
  for (const name of ['b', 'a', '1'])
    fns.forEach((fn) => e.on(name, fn));
  e.removeAllListeners('a');
  log(e.eventNames());
  e.on('removeListener', Object.assign(() => {}, { n: 'own' }));
  e.removeAllListeners();
  log(e.eventNames());
  e.on('x', fns[0]);
  log(e.removeAllListeners('none') === e, e.eventNames());
});

same('an exception ends the emit and comes out of it', (Class, log) => {
  const e = new Class();
  e.on('x', () => log('a'));
  e.once('x', () => { throw new Error('b'); });
  e.on('x', () => log('c'));
  log(outcome(() => e.emit('x')), outcome(() => e.emit('x')));
  e.removeAllListeners();
  e.on('x', () => { throw undefined; });
  log(outcome(() => e.emit('x')));
  e.prependListener('x', () => { try { e.emit('y'); } catch { log('z'); } });
  e.on('y', () => { e.removeAllListeners('y'); throw 1; });
  log(outcome(() => e.emit('x')), e.listenerCount('y'));
});

same('newListener that throws prevents, removeListener does not',
  (Class, log) => {
    const e = new Class();
    const f = () => {};
    e.once('newListener', () => { throw new Error('no'); });
    log(outcome(() => e.on('x', f)), e.listenerCount('x'));
    e.on('x', f).once('x', f);
    e.on('removeListener', () => { throw new Error('gone'); });
    log(outcome(() => e.emit('x')), e.listenerCount('x'));
    log(outcome(() => e.removeAllListeners()), e.eventNames());
  });

same('listenerCount of one listener, and the static one', (Class, log) => {
  const e = new Class();
  const f = () => {};
  e.on('x', f).once('x', f).on('x', () => {});
  log(e.listenerCount('x'), e.listenerCount('x', f));
  log(e.listenerCount('x', null), e.listenerCount('x', () => {}));
  log(e.listenerCount('y', f), Class.listenerCount(e, 'x'));
  log(Class.listenerCount({ listenerCount: (name) => `own ${name}` }, 'x'));
});

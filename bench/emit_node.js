// SPDX-License-Identifier: MIT
// Emit: Node.js.  What an operation needs is made and warmed up first; then each
// line that is read means: do it `count` times, and answer with a line when it
// is done, which carries the value if the operation measures one.
//
// node --expose-gc emit_node.js OPERATION SIZE COUNT WHETHER-FROM-A-BUFFER

'use strict';

const EventEmitter = require('events');
const fs = require('fs');

const EVENT = 'benchmark-name';
const ORDER = 4096;

const [operation, ...numbers] = process.argv.slice(2);
const [size, count, buffered] = numbers.map(Number);

// Functions of their own, as the listeners of the others are.
const seen = [];
const listeners = Array.from({ length: 10 }, (_, n) =>
  new Function('seen', `return (arg) => { seen[${n}] = arg; };`)(seen));

function emitterOf(number) {
  const emitter = new EventEmitter();

  emitter.setMaxListeners(0);
  for (let i = 0; i < number; i++)
    emitter.on(EVENT, listeners[i % 10]);
  return emitter;
}

// Code that has met but one kind of emitter is faster than in any program.
function meetAllKinds() {
  for (let i = 0; i < 20000; i++) {
    const emitter = emitterOf(i % 4);

    emitter.emit(EVENT, i);
    emitter.once(`other-${i % 8}`, listeners[i % 10]);
    emitter.emit(`other-${i % 8}`);
  }
}

// The same as names_make in emit_floor.c.
function makeNames() {
  const names = [], order = [];
  let seed = 1;

  for (let i = 0; i < size; i++)
    names.push(`benchmark-${String(i % 10000).padStart(4, '0')}`);
  for (let i = 0; i < ORDER; i++) {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    order.push((seed >>> 16) % size);
  }
  return { names, order };
}

const operations = {
  emit() {
    const emitter = emitterOf(size);

    return (n) => {
      for (let i = 0; i < n; i++)
        emitter.emit(EVENT, emitter);
    };
  },

  'emit-name'() {
    const { names, order } = makeNames();
    const texts = names.map((name) => Buffer.from(name, 'latin1'));
    const emitter = emitterOf(0);

    names.forEach((name, i) => emitter.on(name, listeners[i % 10]));
    if (buffered) {
      return (n) => {
        for (let i = 0; i < n; i++)
          emitter.emit(texts[order[i % ORDER]].latin1Slice(), emitter);
      };
    }
    return (n) => {
      for (let i = 0; i < n; i++)
        emitter.emit(names[order[i % ORDER]], emitter);
    };
  },

  'emit-on-off'() {
    const emitter = emitterOf(size);

    return (n) => {
      for (let i = 0; i < n; i++) {
        emitter.on(EVENT, listeners[9]);
        emitter.off(EVENT, listeners[9]);
      }
    };
  },

  'emit-once'() {
    const emitter = emitterOf(0);

    return (n) => {
      for (let i = 0; i < n; i++) {
        emitter.once(EVENT, listeners[0]);
        emitter.emit(EVENT, emitter);
      }
    };
  },

  // Bytes of the heap an emitter, count of them being in one array.
  'emit-memory'() {
    return (n) => {
      const emitters = new Array(n).fill(null);

      global.gc();
      const before = process.memoryUsage().heapUsed;
      for (let i = 0; i < n; i++)
        emitters[i] = emitterOf(size);
      global.gc();
      const bytes = process.memoryUsage().heapUsed - before;
      return emitters.length === n ? Math.max(bytes, 0) / n : 0;
    };
  },
};

const run = operations[operation]();
const line = Buffer.alloc(16);

meetAllKinds();
for (let i = 0; i < 3; i++)
  run(count);
fs.writeSync(1, 'ready\n');
while (fs.readSync(0, line) > 0)
  fs.writeSync(1, `${run(count) || 0}\n`);

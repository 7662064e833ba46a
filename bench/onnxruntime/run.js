// See the shell script beside this file, which installs what is imported here.
import { readFileSync, writeFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import * as ort from 'onnxruntime-node';

const WARM_UP_RUNS = 2;

function fail(message) {
  console.error(`bench/onnxruntime/run: ${message}`);
  process.exit(2);
}

function whole(text, name) {
  return /^[1-9][0-9]*$/.test(text) ? Number(text) : fail(`--${name} is '${text}'; expected a whole number above 0`);
}

function parseSize(text) {
  const match = /^([1-9][0-9]*)x([1-9][0-9]*)$/.exec(text ?? '');
  return match ? [Number(match[1]), Number(match[2])] : fail('--size is needed: height and width, such as 512x768');
}

/** Tensors of 32-bit floats by their names; others are left out. */
function readSafetensors(path) {
  const bytes = readFileSync(path);
  const start = 8 + Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString('utf8', 8, start));
  const tensors = {};
  for (const [name, info] of Object.entries(header)) {
    if (info.dtype !== 'F32') continue;
    const [from, to] = info.data_offsets;
    const data = new Float32Array(new Uint8Array(bytes.subarray(start + from, start + to)).buffer);
    tensors[name] = new ort.Tensor('float32', data, info.shape);
  }
  return tensors;
}

function readRaw(path, [h, w]) {
  const data = new Float32Array(new Uint8Array(readFileSync(path)).buffer);
  if (data.length !== 4 * h * w) fail(`${path}: has ${data.length} floats; expected 4 planes of ${h}x${w}`);
  return {
    image: new ort.Tensor('float32', data.slice(0, 3 * h * w), [1, 3, h, w]),
    guidance: new ort.Tensor('float32', data.slice(3 * h * w), [1, 1, h, w]),
  };
}

/** Colours that change from pixel to pixel, and a disc. */
function makeInput([h, w]) {
  const image = new Float32Array(3 * h * w), guidance = new Float32Array(h * w);
  let state = 1;
  for (let i = 0; i < image.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    image[i] = 4 * (state / 2 ** 32) - 2;
  }
  for (let y = 0; y < h; y++)
    for (let x = 0; x < w; x++) guidance[y * w + x] = Math.hypot(y / h - 0.5, x / w - 0.5) < 0.3 ? 1 : 0;
  return { image: new ort.Tensor('float32', image, [1, 3, h, w]), guidance: new ort.Tensor('float32', guidance, [1, 1, h, w]) };
}

function createSession(path, threads) {
  return ort.InferenceSession.create(path, {
    executionProviders: ['cpu'],
    graphOptimizationLevel: 'all',
    executionMode: 'sequential',
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
  });
}

function peakMegabytes() {
  const kilobytes = Number(/^VmHWM:\s*(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]);
  return Math.round(kilobytes / 102.4) / 10;
}

async function measure(path, size, threads, repeat) {
  const session = await createSession(path, threads);
  const input = makeInput(size);
  const seconds = [];
  for (let i = 0; i < WARM_UP_RUNS + repeat; i++) {
    const start = process.hrtime.bigint();
    await session.run(input);
    if (i >= WARM_UP_RUNS) seconds.push(Number(process.hrtime.bigint() - start) / 1e9);
  }
  seconds.sort((a, b) => a - b);
  const middle = (seconds[(repeat - 1) >> 1] + seconds[repeat >> 1]) / 2;
  const rounded = (value) => Number(value.toFixed(4));
  console.log(JSON.stringify({
    runtime: `onnxruntime ${ort.env.versions.node}`, height: size[0], width: size[1], threads, repeat,
    median_s: rounded(middle), min_s: rounded(seconds[0]), max_s: rounded(seconds[repeat - 1]), peak_mb: peakMegabytes(),
  }));
}

function difference(got, expected, name) {
  if (!expected || expected.dims.join() !== got.dims.join()) fail(`'${name}' is not in what is expected, or of another size`);
  let largest = 0, sum = 0;
  for (let i = 0; i < got.data.length; i++) {
    const d = Math.abs(got.data[i] - expected.data[i]);
    largest = d > largest || Number.isNaN(d) ? d : largest;
    sum += d;
  }
  return { max: largest, mean: sum / got.data.length };
}

async function compare(path, values, threads) {
  if (!values.input) fail('--input is needed');
  const input = values.input.endsWith('.safetensors') ? readSafetensors(values.input) : readRaw(values.input, parseSize(values.size));
  const session = await createSession(path, threads);
  const outputs = await session.run({ image: input.image, guidance: input.guidance });
  if (values.output) {
    mkdirSync(values.output, { recursive: true });
    for (const [name, tensor] of Object.entries(outputs))
      writeFileSync(join(values.output, `${name}.f32`), new Uint8Array(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength));
  }
  if (values.expected) {
    const expected = readSafetensors(values.expected);
    console.log(JSON.stringify(Object.fromEntries(
      Object.entries(outputs).map(([name, tensor]) => [name, difference(tensor, expected[name], name)]))));
  }
}

const text = { type: 'string' };
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { size: text, threads: { ...text, default: '1' }, repeat: { ...text, default: '5' }, input: text, expected: text, output: text },
});
const threads = whole(values.threads, 'threads');
try {
  if (positionals[0] === 'compare' && positionals.length === 2) await compare(positionals[1], values, threads);
  else if (positionals.length === 1) await measure(positionals[0], parseSize(values.size), threads, whole(values.repeat, 'repeat'));
  else fail('expected NET.onnx or compare NET.onnx; the script says more');
} catch (error) {
  console.error(`bench/onnxruntime/run: ${error.message}`);
  process.exit(1);
}

// SPDX-License-Identifier: Apache-2.0
// Draws kernels and sizes from a seed.
#include "draw.h"

struct dice dice_from_seed(uint64_t seed) {
  return (struct dice){seed * 2 + 1};
}

// splitmix64: one word of state, every seed good.
static uint64_t next(struct dice* dice) {
  uint64_t z = (dice->state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

unsigned dice_roll(struct dice* dice, unsigned low, unsigned high) {
  return low + (unsigned)(next(dice) % (high - low + 1));
}

const char* const kKernelNames[kFamilies] = {"waves", "mixer", "stride", "product"};

// Arithmetic in floats, arithmetic in integers, memory traffic, and a bit of both. `data` has a
// power of two of words; every kernel writes what it computed, so nothing is optimised away.
const char* const kKernelSource =
    "kernel void waves(global uint* data, uint mask, uint rounds) {\n"
    "  float4 v = (float4)(get_global_id(0) + 1) * (float4)(0.1f, 0.2f, 0.3f, 0.4f);\n"
    "  for (uint i = 0; i < rounds; i++) v = mad(v, (float4)0.9997f, v.yzwx * 0.0003f);\n"
    "  data[get_global_id(0) & mask] = as_uint(v.x + v.y + v.z + v.w);\n"
    "}\n"
    "kernel void mixer(global uint* data, uint mask, uint rounds) {\n"
    "  uint h = (uint)get_global_id(0) * 2654435761u + 1;\n"
    "  for (uint i = 0; i < rounds; i++) { h ^= h << 13; h ^= h >> 17; h ^= h << 5; }\n"
    "  data[get_global_id(0) & mask] = h;\n"
    "}\n"
    "kernel void stride(global uint* data, uint mask, uint rounds) {\n"
    "  uint at = (uint)get_global_id(0) * 97, sum = 0;\n"
    "  for (uint i = 0; i < rounds; i += 4) { sum += data[at & mask]; at += 4099; }\n"
    "  data[get_global_id(0) & mask] = sum;\n"
    "}\n"
    "kernel void product(global uint* data, uint mask, uint rounds) {\n"
    "  float sum = 0;\n"
    "  uint row = (uint)get_global_id(0) * 64;\n"
    "  for (uint i = 0; i < rounds; i++)\n"
    "    sum = mad((float)(data[(row + (i & 63)) & mask] & 255), 0.001f * (i & 7), sum * 0.999f);\n"
    "  data[get_global_id(0) & mask] = as_uint(sum);\n"
    "}\n";

struct job draw_job(struct dice* dice, unsigned units) {
  struct job job;
  job.family = dice_roll(dice, 0, kFamilies - 1);
  job.rounds = 1000 * dice_roll(dice, 20, 80);
  job.local_items = 8u << dice_roll(dice, 0, 2);
  // A multiple of the units, so that no unit idles while another finishes.
  const unsigned groups_per_unit = dice_roll(dice, 4, 10);
  job.global_items = job.local_items * groups_per_unit * units;
  return job;
}

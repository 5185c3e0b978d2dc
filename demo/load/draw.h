// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>
#include <stdint.h>

// Random numbers that a seed repeats, and the kernels and sizes drawn with them.

struct dice {
  uint64_t state;
};

// The seed's own sequence; any seed will do.
struct dice dice_from_seed(uint64_t seed);
// Uniform in [low, high].
unsigned dice_roll(struct dice* dice, unsigned low, unsigned high);

enum { kFamilies = 4 };

// The OpenCL source of every family, and each family's kernel name.
extern const char* const kKernelSource;
extern const char* const kKernelNames[kFamilies];

// One kind of launch: which kernel, how long each work-item loops, how many there are.
struct job {
  unsigned family;
  unsigned rounds;
  size_t local_items;
  size_t global_items;
};

// A job that keeps every one of `units` compute units busy for some milliseconds.
struct job draw_job(struct dice* dice, unsigned units);

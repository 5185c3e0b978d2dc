// SPDX-License-Identifier: Apache-2.0
// The thread that computes on the host.
#include "host.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { kStepsPerRound = 10000 };

static atomic_ullong rounds;
static atomic_ullong result;  // so that the computation is one

static void* compute(void* unused) {
  (void)unused;
  unsigned long long x = 88172645463325252ULL;
  for (;;) {
    for (int i = 0; i < kStepsPerRound; i++) {
      x ^= x << 13;
      x ^= x >> 7;
      x ^= x << 17;
    }
    atomic_store_explicit(&result, x, memory_order_relaxed);
    atomic_fetch_add_explicit(&rounds, 1, memory_order_relaxed);
  }
  return NULL;
}

void host_thread_start(void) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, compute, NULL) == 0) return;
  fputs("melon-demo-load: no thread could be started\n", stderr);
  exit(1);
}

unsigned long long host_thread_rounds(void) {
  return atomic_load_explicit(&rounds, memory_order_relaxed);
}

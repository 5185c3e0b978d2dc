// SPDX-License-Identifier: Apache-2.0
// OpenCL drivers that fail as soon as they are loaded; FAULT says how.
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

__attribute__((constructor)) static void fail(void) {
#if defined(FAULT_CRASH)
  abort();
#elif defined(FAULT_HANG)
  for (;;) pause();
#elif defined(FAULT_CLASH)
  if (getenv("MELON_CLASHING_DRIVER_LOADED") != NULL) abort();
  setenv("MELON_CLASHING_DRIVER_LOADED", "1", 1);
#else
  puts("a driver's chatter {\"kind\": \"cpu\"}");
  fflush(stdout);
#endif
}

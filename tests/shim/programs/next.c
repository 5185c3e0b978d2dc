// SPDX-License-Identifier: Apache-2.0
// Built twice: as a library whose foo() asks for the next foo(), and as the next one.
#define _GNU_SOURCE
#include <dlfcn.h>
#ifdef FIRST
int foo(void) {
  int (*next)(void) = 0;
  *(void**)&next = dlsym(RTLD_NEXT, "foo");
  return next == 0 ? -1 : 10 * next();
}
#else
int foo(void) { return 7; }
#endif

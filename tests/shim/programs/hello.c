// SPDX-License-Identifier: Apache-2.0
// Says so when it is alive; allocates, starts no thread, opens no library.
#include <stdio.h>
#include <stdlib.h>
int main(void) {
  char* const text = malloc(32);
  snprintf(text, 32, "hello %d", 42);
  puts(text);
  free(text);
  return 0;
}

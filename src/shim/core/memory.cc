// SPDX-License-Identifier: Apache-2.0
// Memory of the core's own, taken from the system without malloc, and paths on the stack.

#include "shim/core/memory.h"

#include <sys/mman.h>
#include <cerrno>
#include <cstdio>

namespace melon::shim {

bool join_path(char (&out)[kPathBytes], const char* folder, const char* name) {
  const int length = std::snprintf(out, kPathBytes, "%s/%s", folder, name);
  return length > 0 && static_cast<std::size_t>(length) < kPathBytes;
}

void* map_anonymous(std::size_t bytes) {
  const int saved = errno;
  constexpr std::size_t kTouchedAnyway = std::size_t{4} * 4096;  // cheaper at once than one by one
  const int at_once = bytes <= kTouchedAnyway ? MAP_POPULATE : 0;
  void* const address =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | at_once, -1, 0);
  errno = saved;
  return address == MAP_FAILED ? nullptr : address;
}

}  // namespace melon::shim

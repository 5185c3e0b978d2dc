// SPDX-License-Identifier: Apache-2.0
// The exported OpenCL functions, and the ICD loader's own functions behind them.

#include "shim/opencl/entries.h"

#include <stdlib.h>
#include <string.h>

#include <atomic>

#include "shim/opencl/driver.h"
#include "shim/opencl/lookup.h"

namespace melon::shim {

constinit __thread unsigned entry_depth = 0;

namespace {

// Never taken back: threads may be inside any of its functions.
std::atomic<const Driver*> g_loader{nullptr};
constinit const Driver kNothing{};

// What a function answers when the loader lacks it: the program asked for something that this
// OpenCL does not have.
template <class T>
T missing() {
  if constexpr (__is_same(T, cl_int)) return CL_INVALID_OPERATION;
  if constexpr (!__is_same(T, void) && !__is_same(T, cl_int)) return nullptr;
}

template <class Function>
void look_up(Function& slot, const char* name) {
  slot = reinterpret_cast<Function>(find_in_loader(name));
}

void look_up_all(Driver& out) {
#define HOOK(ret, name, params, ...) look_up(out.name, #name);
#define EXTENSION(ret, name, params, ...)
#define CALLED(name) look_up(out.name, #name);
#include "shim/opencl/opencl.def"
#undef HOOK
#undef EXTENSION
#undef CALLED
}

// Each thread that comes here makes a table of its own and the first one's is kept. Without a lock,
// which a fork in another thread would leave held in the child.
const Driver& find_loader() {
  auto* const made = static_cast<Driver*>(calloc(1, sizeof(Driver)));
  if (made == nullptr) return kNothing;
  look_up_all(*made);
  const Driver* first = nullptr;
  if (made->clGetDeviceInfo != nullptr &&
      g_loader.compare_exchange_strong(first, made, std::memory_order_acq_rel))
    return *made;
  free(made);
  return first != nullptr ? *first : kNothing;
}

struct Entered {
  Entered() { ++entry_depth; }
  ~Entered() { --entry_depth; }
  Entered(const Entered&) = delete;
  Entered& operator=(const Entered&) = delete;
};

}  // namespace

const Driver& loader() {
  const Driver* const known = g_loader.load(std::memory_order_acquire);
  return __builtin_expect(known != nullptr, 1) ? *known : find_loader();
}

cl_int answer(const void* value, size_t bytes, size_t room, void* out, size_t* out_bytes) {
  if (out != nullptr) {
    if (room < bytes) return CL_INVALID_VALUE;
    if (bytes != 0) memcpy(out, value, bytes);
  }
  if (out_bytes != nullptr) *out_bytes = bytes;
  return CL_SUCCESS;
}

}  // namespace melon::shim

#define HOOK(ret, name, params, ...)                              \
  MELON_EXPORT ret CL_API_CALL name params {                      \
    const melon::shim::Driver& next = melon::shim::loader();      \
    if (next.name == nullptr) return melon::shim::missing<ret>(); \
    const melon::shim::Entered entered;                           \
    return melon::shim::hook::name(next, __VA_ARGS__);            \
  }
#define EXTENSION(ret, name, params, ...)
#define CALLED(name)
#include "shim/opencl/opencl.def"
#undef HOOK
#undef EXTENSION
#undef CALLED

namespace melon::shim {

namespace {

bool is_known(const char* name) {
#define HOOK(ret, symbol, params, ...) \
  if (strcmp(name, #symbol) == 0) return true;
#define EXTENSION(ret, symbol, params, ...) HOOK(ret, symbol, params)
#define CALLED(symbol) HOOK(void, symbol, ())
#include "shim/opencl/opencl.def"
#undef HOOK
#undef EXTENSION
#undef CALLED
  return false;
}

bool begins_with_any(const char* name, const char* const* beginnings) {
  for (; *beginnings != nullptr; ++beginnings)
    if (strncmp(name, *beginnings, strlen(*beginnings)) == 0) return true;
  return false;
}

}  // namespace

bool may_escape(const char* name) {
  constexpr const char* kMakes[] = {"clCreate", "clEnqueue", "clImport", nullptr};
  constexpr const char* kHarmless[] = {"clCreateEvent",     "clCreateFrom",
                                       "clCreateKernel",    "clCreateProgram",
                                       "clCreateSampler",   "clCreateSemaphore",
                                       "clCreateSubBuffer", "clEnqueueAcquire",
                                       "clEnqueueRelease",  nullptr};
  const bool makes = begins_with_any(name, kMakes) ||
                     (strncmp(name, "cl", 2) == 0 && strstr(name, "Alloc") != nullptr);
  return makes && !begins_with_any(name, kHarmless) && !is_known(name);
}

void* preload_entry(const char* name) {
#define HOOK(ret, symbol, params, ...) \
  if (strcmp(name, #symbol) == 0) return reinterpret_cast<void*>(&::symbol);
#define EXTENSION(ret, symbol, params, ...)
#define CALLED(symbol)
#include "shim/opencl/opencl.def"
#undef HOOK
#undef EXTENSION
#undef CALLED
  return nullptr;
}

}  // namespace melon::shim

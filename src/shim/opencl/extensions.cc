// SPDX-License-Identifier: Apache-2.0
// Entries for functions that programs reach only by an extension's address. Each driver has its
// own; an entry remembers the driver's function in one of a few slots.

#include <string.h>

#include <atomic>

#include "shim/opencl/driver.h"
#include "shim/opencl/entries.h"
#include "shim/opencl/session.h"

namespace melon::shim {
namespace {

constexpr unsigned kDrivers = 4;  // that offer the same extension in one process

// The functions of the level that a call came in by.
const Driver& current() { return is_layer() && entry_depth == 0 ? layer_target() : loader(); }

#define HOOK(ret, name, params, ...)
#define CALLED(name)
#define EXTENSION(ret, name, params, ...)                                           \
  std::atomic<name##_fn> real_##name[kDrivers];                                     \
  template <unsigned kSlot>                                                         \
  ret CL_API_CALL entry_##name params {                                             \
    const name##_fn real = real_##name[kSlot].load(std::memory_order_relaxed);      \
    return hook::name(current(), real, __VA_ARGS__);                                \
  }                                                                                 \
  constexpr name##_fn entries_##name[kDrivers] = {entry_##name<0>, entry_##name<1>, \
                                                  entry_##name<2>, entry_##name<3>};
#include "shim/opencl/opencl.def"
#undef EXTENSION

template <class Function>
void* claim(std::atomic<Function> (&slots)[kDrivers], const Function (&entries)[kDrivers],
            void* real) {
  const auto wanted = reinterpret_cast<Function>(real);
  for (unsigned i = 0; i < kDrivers; ++i) {
    if (entries[i] == wanted) return real;  // already ours
    Function held = nullptr;
    if (slots[i].compare_exchange_strong(held, wanted) || held == wanted)
      return reinterpret_cast<void*>(entries[i]);
  }
  return nullptr;
}

}  // namespace

void* extension_entry(const char* name, void* real) {
#define EXTENSION(ret, symbol, params, ...) \
  if (strcmp(name, #symbol) == 0) return claim(real_##symbol, entries_##symbol, real);
#include "shim/opencl/opencl.def"
#undef EXTENSION
#undef HOOK
#undef CALLED
  return real;
}

void* replace_function(const char* name, void* real) {
  if (real == nullptr) return nullptr;
  if (may_escape(name)) raise_flag(abi::kFlagUnknownSymbol);
  void* const ours = is_layer() && entry_depth == 0 ? layer_entry(name) : preload_entry(name);
  return ours != nullptr ? ours : extension_entry(name, real);
}

namespace hook {

void* clGetExtensionFunctionAddress(const Driver& next, const char* func_name) {
  void* const real = next.clGetExtensionFunctionAddress(func_name);
  return func_name == nullptr ? real : replace_function(func_name, real);
}

void* clGetExtensionFunctionAddressForPlatform(const Driver& next, cl_platform_id platform,
                                               const char* func_name) {
  void* const real = next.clGetExtensionFunctionAddressForPlatform(platform, func_name);
  return func_name == nullptr ? real : replace_function(func_name, real);
}

}  // namespace hook
}  // namespace melon::shim

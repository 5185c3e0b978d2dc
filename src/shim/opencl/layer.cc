// SPDX-License-Identifier: Apache-2.0
// libmelon.so as a layer of the OpenCL ICD loader (OPENCL_LAYERS).

#include <CL/cl_layer.h>
#include <string.h>

#include <atomic>

#include "shim/opencl/driver.h"
#include "shim/opencl/entries.h"

namespace melon::shim {
namespace {

constexpr cl_uint kMostEntries = 512;  // room for loaders newer than our header

std::atomic<const Driver*> g_target{nullptr};
void* g_layer_table[kMostEntries];

#define HOOK(ret, name, params, ...)                     \
  ret CL_API_CALL layer_##name params {                  \
    const Driver& next = layer_target();                 \
    if (entry_depth != 0) return next.name(__VA_ARGS__); \
    return hook::name(next, __VA_ARGS__);                \
  }
#define EXTENSION(ret, name, params, ...)
#define CALLED(name)
#include "shim/opencl/opencl.def"
#undef HOOK

// Sets our entries in a copy of the target's table, wherever the target has the function.
void override_entries(cl_uint entries) {
  auto* const table = reinterpret_cast<Driver*>(g_layer_table);
#define HOOK(ret, name, params, ...)                                              \
  if (offsetof(Driver, name) / sizeof(void*) < entries && table->name != nullptr) \
    table->name = layer_##name;
#include "shim/opencl/opencl.def"
#undef HOOK
}

}  // namespace

bool is_layer() { return g_target.load(std::memory_order_acquire) != nullptr; }
const Driver& layer_target() { return *g_target.load(std::memory_order_acquire); }

void* layer_entry(const char* name) {
#define HOOK(ret, symbol, params, ...) \
  if (strcmp(name, #symbol) == 0) return reinterpret_cast<void*>(&layer_##symbol);
#include "shim/opencl/opencl.def"
#undef HOOK
#undef EXTENSION
#undef CALLED
  return nullptr;
}

}  // namespace melon::shim

MELON_EXPORT cl_int CL_API_CALL clGetLayerInfo(cl_layer_info param_name, size_t param_value_size,
                                               void* param_value, size_t* param_value_size_ret) {
  constexpr cl_layer_api_version kApi = CL_LAYER_API_VERSION_100;
  constexpr char kName[] = "melon";
  using melon::shim::answer;
  switch (param_name) {
    case CL_LAYER_API_VERSION:
      return answer(&kApi, sizeof kApi, param_value_size, param_value, param_value_size_ret);
    case CL_LAYER_NAME:
      return answer(kName, sizeof kName, param_value_size, param_value, param_value_size_ret);
    default:
      return CL_INVALID_VALUE;
  }
}

MELON_EXPORT cl_int CL_API_CALL clInitLayer(cl_uint num_entries,
                                            const cl_icd_dispatch* target_dispatch,
                                            cl_uint* num_entries_ret,
                                            const cl_icd_dispatch** layer_dispatch_ret) {
  using namespace melon::shim;
  if (target_dispatch == nullptr || num_entries_ret == nullptr || layer_dispatch_ret == nullptr)
    return CL_INVALID_VALUE;
  const cl_uint entries = num_entries < kMostEntries ? num_entries : kMostEntries;
  if (entries * sizeof(void*) < sizeof(Driver)) {
    // A loader older than our header: functions that it lacks must read as null.
    static Driver padded;
    memcpy(&padded, target_dispatch, entries * sizeof(void*));
    target_dispatch = &padded;
  }
  memcpy(g_layer_table, target_dispatch, entries * sizeof(void*));
  g_target.store(target_dispatch, std::memory_order_release);
  override_entries(entries);
  *num_entries_ret = entries;
  *layer_dispatch_ret = reinterpret_cast<const Driver*>(g_layer_table);
  return CL_SUCCESS;
}
